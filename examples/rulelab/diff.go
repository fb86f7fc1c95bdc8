package main

import (
	"context"
	"fmt"

	"github.com/hybridsync/hybridsync/rules"
)

// diff prints the differences of two rule sets, and their number as last line.
func diff(_ context.Context, i *invocation) error {
	if err := i.want(2, "two rule sets"); err != nil {
		return err
	}
	a, err := load(i.args[0], i.load)
	if err != nil {
		return err
	}
	b, err := load(i.args[1], i.load)
	if err != nil {
		return err
	}
	found := rules.Diff(a.file.Rules, b.file.Rules)
	for _, d := range found {
		fmt.Fprintln(i.out, d)
	}
	fmt.Fprintf(i.out, "differences=%d\n", len(found))
	if len(found) > 0 {
		return errSilent
	}
	return nil
}
