package main

import (
	"context"
	"os"

	"github.com/hybridsync/hybridsync/rules"
)

func convert(_ context.Context, i *invocation) error {
	if err := i.want(1, "one PATH"); err != nil {
		return err
	}
	s, err := load(i.args[0], i.load)
	if err != nil {
		return err
	}
	text, err := rules.MarshalYAML(s.file)
	if err != nil {
		return err
	}
	if i.output == "-" {
		_, err = i.out.Write(text)
		return err
	}
	return os.WriteFile(i.output, text, 0o644)
}
