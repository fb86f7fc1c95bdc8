package entra

import "time"

// WithoutSleep makes waiting instant.
func WithoutSleep(o *Options) *Options {
	o.sleep = func(<-chan struct{}, time.Duration) {}
	return o
}

// WithSleep tells what is waited for, and does not wait.
func WithSleep(o *Options, note func(time.Duration)) *Options {
	o.sleep = func(_ <-chan struct{}, d time.Duration) { note(d) }
	return o
}
