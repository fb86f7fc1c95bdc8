package entra

import (
	"context"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

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

type nopCredential struct{}

func (nopCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, errors.New("no token")
}
