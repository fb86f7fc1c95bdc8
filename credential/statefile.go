package credential

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// stateVersion is the version of the stored form.
const stateVersion = 1

// FileState keeps a state as a JSON file. Processes that use the same file are kept apart by
// a lock on a file beside it, on a local file system.
type FileState struct{ path string }

// NewFileState returns the state store in a file. Neither has to exist; the folder has to.
func NewFileState(path string) *FileState { return &FileState{path} }

// maxState bounds what is read.
const maxState = 1 << 20

// Load implements [StateStore].
func (f *FileState) Load(ctx context.Context) (State, error) {
	if ctx.Err() != nil {
		return State{}, context.Cause(ctx)
	}
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("credential: state: %w", err)
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxState))
	if err != nil {
		return State{}, fmt.Errorf("credential: state: %w", err)
	}
	return parseState(f.path, data)
}

func parseState(path string, data []byte) (State, error) {
	var s State
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields() // what this program does not know it would lose
	if err := d.Decode(&s); err != nil {
		return State{}, fmt.Errorf("credential: state %s is damaged: %w", path, err)
	}
	if s.Version != stateVersion {
		return State{}, fmt.Errorf("credential: state %s has version %d; this program knows version %d", path, s.Version, stateVersion)
	}
	return s, nil
}

// Save implements [StateStore].
func (f *FileState) Save(ctx context.Context, s State) error {
	unlock, err := lockFile(ctx, f.path+".lock")
	if err != nil {
		return fmt.Errorf("credential: state: %w", err)
	}
	defer unlock()
	stored, err := f.Load(ctx)
	if err != nil {
		return err
	}
	if stored.Revision != s.Revision-1 {
		return fmt.Errorf("credential: %w: revision %d is stored, %d was expected", ErrStateConflict, stored.Revision, s.Revision-1)
	}
	s.Version = stateVersion
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("credential: state: %w", err)
	}
	if err := replaceFile(f.path, append(data, '\n')); err != nil {
		return fmt.Errorf("credential: state: %w", err)
	}
	return nil
}

// replaceFile writes a temporary file, syncs it and renames it over the old one.
func replaceFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

var _ StateStore = (*FileState)(nil)
