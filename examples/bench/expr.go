package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// expressions runs the module that compares our expressions with CEL's and Expr's.
func expressions(ctx context.Context, b *bench) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/hybridsync/hybridsync").Output()
	if err != nil {
		return skip("it needs the go command and the source tree")
	}
	time := "200ms"
	if b.short {
		time = "100ms"
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "Eval", "-benchtime", time, "-count", strconv.Itoa(b.runs), ".") //nolint:gosec // our own arguments
	cmd.Dir = filepath.Join(strings.TrimSpace(string(root)), "rules", "bench")
	out, err := cmd.Output()
	if err != nil {
		return skip("the module rules/bench cannot be run: %v", err)
	}
	type measured struct{ ns, allocs []float64 }
	found := make(map[string]map[string]*measured)
	var order []string
	for line := range strings.Lines(string(out)) {
		// BenchmarkEval/case/engine-2  123  45.6 ns/op  0 B/op  0 allocs/op
		f := strings.Fields(line)
		if len(f) < 8 || !strings.HasPrefix(f[0], "BenchmarkEval/") {
			continue
		}
		name, engine, _ := strings.Cut(strings.TrimPrefix(f[0], "BenchmarkEval/"), "/")
		engine, _, _ = strings.Cut(engine, "-")
		if found[name] == nil {
			found[name] = make(map[string]*measured)
			order = append(order, name)
		}
		m := found[name][engine]
		if m == nil {
			m = &measured{}
			found[name][engine] = m
		}
		ns, _ := strconv.ParseFloat(f[2], 64)
		allocs, _ := strconv.ParseFloat(f[6], 64)
		m.ns, m.allocs = append(m.ns, ns), append(m.allocs, allocs)
	}
	for _, name := range order {
		ours, cel, expr := found[name]["ours"], found[name]["cel"], found[name]["expr"]
		if ours == nil || cel == nil || expr == nil {
			continue
		}
		// The best of several measurements is what the machine can do.
		best := min(slices.Min(cel.ns), slices.Min(expr.ns))
		var ratios []float64
		for _, ns := range ours.ns {
			ratios = append(ratios, ns/best)
		}
		b.add(name+": ours over the faster of cel-go and Expr", "ratio", atMost(1), ratios...)
		b.add(name+": allocations", "allocations", nil, ours.allocs...)
	}
	return nil
}
