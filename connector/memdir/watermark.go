package memdir

import (
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// Watermarks and checkpoints are lines of text: what they are, with the version of the
// form, the directory they belong to, and numbers. Whatever reads otherwise, such as the
// work of a later version, has expired: guessing could lose changes.
const (
	watermarkTag = "memdir-watermark/1"
	fullTag      = "memdir-full/1"
	deltaTag     = "memdir-delta/1"
)

func (d *Directory) encode(tag string, numbers ...uint64) []byte {
	b := []byte(tag + " " + d.epoch)
	for _, n := range numbers {
		b = strconv.AppendUint(append(b, ' '), n, 10)
	}
	return b
}

// decode is the inverse of encode for a tag and as many numbers.
func (d *Directory) decode(text []byte, tag string, numbers ...*uint64) error {
	fields := strings.Split(string(text), " ")
	if len(fields) != 2+len(numbers) || fields[0] != tag || fields[1] != d.epoch {
		return connector.ErrWatermarkExpired
	}
	for i, n := range numbers {
		parsed, err := strconv.ParseUint(fields[2+i], 10, 64)
		if err != nil {
			return connector.ErrWatermarkExpired
		}
		*n = parsed
	}
	return nil
}
