package cng

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// Attack tries to export a private key in each form that Windows knows, and to make it
// exportable.
func Attack(t *testing.T, s *Store, id string) {
	t.Helper()
	h, err := s.provider.open(namePrefix+id, s.flags())
	require.NoError(t, err)
	defer h.close()
	require.Error(t, h.setNumber(propertyExportPolicy, exportAny))
	for _, form := range []string{"RSAPRIVATEBLOB", "RSAFULLPRIVATEBLOB", "PKCS8_PRIVATEKEY", "CAPIPRIVATEBLOB"} {
		var n uint32
		kind := wide(form)
		require.Error(t, call(exportKey, uintptr(h), 0, uintptr(unsafe.Pointer(kind)), 0, 0, 0, uintptr(unsafe.Pointer(&n)), 0), form)
	}
}
