// Package keydir keeps files with key material: they belong to the running account, nobody
// else can use them, and each is there whole or not at all.
package keydir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/credential"
)

// maxFile bounds what is read: a sealed RSA-2048 key has some 1300 bytes.
const maxFile = 64 << 10

// Make makes a folder if there is none, and refuses one that others can use.
func Make(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	return check(dir, info, true)
}

// suffix of files with keys.
const suffix = ".key"

// Path returns the file of a key.
func Path(dir, id string) (string, error) {
	if err := credential.CheckKeyID(id); err != nil {
		return "", err
	}
	return filepath.Join(dir, id+suffix), nil
}

// List returns the ids of all keys, sorted.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), suffix); ok && credential.CheckKeyID(id) == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// Remove removes a key's file durably. None gives [credential.ErrKeyNotFound].
func Remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return credential.ErrKeyNotFound
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Read reads a file that must be ours alone. The check is of the opened file.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := check(path, info, false); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// check refuses what others can use, or what is not ours.
func check(path string, info os.FileInfo, dir bool) error {
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

// WriteNew creates a file with all its content or not at all. It never replaces one: a name
// that is taken gives [fs.ErrExist].
func WriteNew(path string, content []byte) error {
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
