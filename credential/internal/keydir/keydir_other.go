//go:build !unix

package keydir

import "os"

// access does not see access control lists: the folder's own have to keep others out.
func access(os.FileInfo) string { return "" }

// syncDir does nothing: folders cannot be synced here.
func syncDir(string) error { return nil }
