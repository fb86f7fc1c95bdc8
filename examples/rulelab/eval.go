package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// Error codes of this program, beside those of package expr.
const (
	codeSyntax    = "sync-rule-invalid-expression"
	codeAttribute = "sync-rule-unknown-attribute"
	codeInput     = "invalid-input"
)

// question is one evaluation to make.
type question struct {
	ID     json.RawMessage `json:"id"`
	Expr   *string         `json:"expr"`
	Attrs  attributes      `json:"attrs"`
	Params parameters      `json:"params"`
}

func eval(ctx context.Context, i *invocation) error {
	if i.lines {
		if err := i.want(0, "no EXPR with -lines"); err != nil {
			return err
		}
		return evalLines(ctx, i.in, i.out, i.now)
	}
	if err := i.want(1, "one EXPR"); err != nil {
		return err
	}
	q := question{Expr: &i.args[0]}
	a := answer{}
	if err := errors.Join(decodeFile(i.attrs, &q.Attrs), decodeFile(i.params, &q.Params)); err != nil {
		a.Error = &answerError{codeInput, err.Error()}
	} else {
		a = q.answer(i.now)
	}
	if err := newEncoder(i.out).Encode(a); err != nil {
		return err
	}
	if a.Error != nil {
		return errSilent
	}
	return nil
}

// newEncoder writes expressions and names as they are.
func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

func decodeFile(path string, into any) error {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := decode(f, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// answer evaluates.
func (q *question) answer(now time.Time) (a answer) {
	a.ID = q.ID
	if q.Expr == nil {
		a.Error = &answerError{codeInput, "there is no expr"}
		return a
	}
	program, err := expr.Compile(*q.Expr, nil)
	if err != nil {
		a.Error = &answerError{codeSyntax, err.Error()}
		return a
	}
	for _, name := range program.Attributes() {
		if spelled, ok := q.Attrs.otherCase(name); ok {
			a.Error = &answerError{codeAttribute, fmt.Sprintf("there is no attribute [%s]; did you mean [%s]?", name, spelled)}
			return a
		}
	}
	lookup := func(name string) (string, bool) { v, ok := q.Params[name]; return v, ok }
	result, err := program.Eval(&expr.Input{Attributes: q.Attrs, Parameters: lookup, Now: now})
	if err != nil {
		a.Error = &answerError{codeInput, err.Error()}
		if failed, ok := errors.AsType[*expr.EvalError](err); ok {
			a.Error.Code = failed.Code
		}
		return a
	}
	a.put(&result)
	return a
}

// otherCase finds an attribute whose name differs in case alone: the language tells such
// names apart, so that a misspelt one would silently be empty.
func (a attributes) otherCase(name string) (string, bool) {
	if _, ok := a[name]; ok {
		return "", false
	}
	found := ""
	for have := range a {
		if attr.EqualName(have, name) && (found == "" || have < found) {
			found = have
		}
	}
	return found, found != ""
}

// evalLines answers a stream. A bad line gets an answer with an error, like a bad
// expression.
func evalLines(ctx context.Context, r io.Reader, w io.Writer, now time.Time) error {
	in := bufio.NewReaderSize(r, 64<<10)
	out := bufio.NewWriter(w)
	encoder := newEncoder(out)
	for ctx.Err() == nil {
		line, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errLongLine) {
			return errors.Join(err, out.Flush())
		}
		if strings.TrimSpace(line) != "" || errors.Is(err, errLongLine) {
			if encodeErr := encoder.Encode(answerLine(line, err, now)); encodeErr != nil {
				return encodeErr
			}
		}
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if in.Buffered() == 0 { // whoever asks one question at a time is waiting
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return errors.Join(context.Cause(ctx), out.Flush())
}

func answerLine(line string, readErr error, now time.Time) answer {
	null := json.RawMessage("null")
	if errors.Is(readErr, errLongLine) {
		return answer{ID: null, Error: &answerError{codeInput, readErr.Error()}}
	}
	var q question
	if err := json.Unmarshal([]byte(line), &q); err != nil {
		if q.ID == nil {
			q.ID = idOf(line)
		}
		return answer{ID: q.ID, Error: &answerError{codeInput, err.Error()}}
	}
	if q.ID == nil {
		q.ID = null
	}
	return q.answer(now)
}

// idOf returns the id of a line whose other parts are no good, null if there is none.
func idOf(line string) json.RawMessage {
	var q struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal([]byte(line), &q) != nil || q.ID == nil {
		return json.RawMessage("null")
	}
	return q.ID
}

// maxLine is the longest line in octets.
const maxLine = 64 << 20

var errLongLine = fmt.Errorf("the line is longer than %d MiB", maxLine>>20)

// readLine returns the next line, or errLongLine after skipping one that is too long.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > maxLine {
			long, line = true, nil
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long && (err == nil || errors.Is(err, io.EOF)) {
			return "", errLongLine // the end, if it is there, comes again
		}
		return string(line), err
	}
}
