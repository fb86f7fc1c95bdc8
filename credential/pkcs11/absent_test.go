//go:build !pkcs11 || !cgo

package pkcs11_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/credential/pkcs11"
)

func TestWithoutTheTag(t *testing.T) {
	t.Parallel()
	_, err := pkcs11.Open(pkcs11.Config{})
	require.ErrorIs(t, err, pkcs11.ErrNotCompiled)
	require.NoError(t, (*pkcs11.Store)(nil).Close())
}
