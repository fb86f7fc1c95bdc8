package software

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hybridsync/hybridsync/credential"
)

// maxFile bounds what is read: a sealed RSA-2048 key has some 1300 bytes.
const maxFile = 64 << 10

// readOwn reads a file that must be ours alone. The check is of the opened file.
func readOwn(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkOwn(path, info, false); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// checkOwn refuses what others can use, or what is not ours.
func checkOwn(path string, info os.FileInfo, dir bool) error {
	switch {
	case dir && !info.IsDir():
		return fmt.Errorf("%s is not a folder", path)
	case !dir && !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is not a regular file", credential.ErrUnsafeFile, path)
	}
	if problem := access(info); problem != "" {
		want := "600"
		if dir {
			want = "700"
		}
		return fmt.Errorf("%w: %s %s (run chmod %s and chown on it)", credential.ErrUnsafeFile, path, problem, want)
	}
	return nil
}

// writeNew creates a file with all its content or not at all. It never replaces one.
func writeNew(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	// Unlike a rename, a link fails when the name is taken.
	if err := os.Link(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
