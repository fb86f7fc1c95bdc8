package main

import "context"

func explain(ctx context.Context, i *invocation) error { return nil }
