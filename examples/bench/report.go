package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A report is what the program prints.
type report struct {
	Machine string    `json:"machine"`
	Started time.Time `json:"started"`
	Results []result  `json:"results"`
}

// A result is one measured quantity.
type result struct {
	Scenario string  `json:"scenario"`
	What     string  `json:"what"`
	Unit     string  `json:"unit"`
	Median   float64 `json:"median"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Runs     int     `json:"runs"`
	// Target says what is aimed at, "" for nothing, and Met whether it was reached.
	Target  string `json:"target,omitempty"`
	Met     *bool  `json:"met,omitempty"`
	Skipped string `json:"skipped,omitempty"` // why there is no figure
}

func newReport() *report { return &report{Machine: machine(), Started: time.Now().UTC()} }

// machine describes what the figures were measured on.
func machine() string {
	cpu, memory := "unknown processor", ""
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				cpu = strings.TrimSpace(strings.TrimLeft(name, "\t: "))
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &kib); err == nil {
			memory = fmt.Sprintf(", %.0f GiB", float64(kib)/(1<<20))
		}
	}
	return fmt.Sprintf("%d cores of %s%s, %s/%s, %s", runtime.GOMAXPROCS(0), cpu, memory, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// A target is a bound for a median.
type target struct {
	limit float64
	least bool // at least, instead of at most
}

func atMost(limit float64) *target  { return &target{limit: limit} }
func atLeast(limit float64) *target { return &target{limit: limit, least: true} }

// add records what was measured; t nil is no target.
func (b *bench) add(what, unit string, t *target, values ...float64) {
	if len(values) == 0 {
		return
	}
	slices.Sort(values)
	r := result{Scenario: b.name, What: what, Unit: unit, Runs: len(values), Low: values[0], High: values[len(values)-1]}
	r.Median = (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	if t != nil {
		met, word := r.Median <= t.limit, "≤ "
		if t.least {
			met, word = r.Median >= t.limit, "≥ "
		}
		r.Target, r.Met = word+number(t.limit), &met
	}
	b.report.Results = append(b.report.Results, r)
	b.say("%s: %s %s", what, number(r.Median), unit)
}

func (b *bench) skip(what, reason string) {
	b.report.Results = append(b.report.Results, result{Scenario: b.name, What: what, Skipped: reason})
	b.say("%s: skipped: %s", what, reason)
}

// markdown prints the table that BENCHMARKS.md quotes.
func (r *report) markdown(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "%s; %s\n\n", r.Machine, r.Started.Format("2006-01-02"))
	s.WriteString("| scenario | what | median | spread | unit | runs | target | met |\n|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.Results {
		if x.Skipped != "" {
			fmt.Fprintf(&s, "| %s | %s | | | | | | skipped: %s |\n", x.Scenario, x.What, x.Skipped)
			continue
		}
		met := ""
		if x.Met != nil {
			met = "**no**"
			if *x.Met {
				met = "yes"
			}
		}
		fmt.Fprintf(&s, "| %s | %s | %s | %s to %s | %s | %d | %s | %s |\n", x.Scenario, x.What, number(x.Median),
			number(x.Low), number(x.High), x.Unit, x.Runs, x.Target, met)
	}
	_, err := io.WriteString(w, s.String())
	return err
}

// number prints three digits that count, and thousands apart.
func number(v float64) string {
	switch {
	case v != 0 && v < 1 && v > -1:
		return fmt.Sprintf("%.3f", v)
	case v < 100 && v != float64(int64(v)):
		return fmt.Sprintf("%.2f", v)
	}
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
