package entra

import (
	"crypto/rand"
	"math/big"
)

// passwordLength makes passwords that no one will guess and every policy takes.
const passwordLength = 40

// newPassword returns a random password with characters of every kind. Nobody is told it.
func newPassword() (string, error) {
	const lower, upper, digits, marks = "abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "!#$%*+-=?_"
	out := make([]byte, 0, passwordLength)
	pick := func(from string) error {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(from))))
		if err == nil {
			out = append(out, from[n.Int64()])
		}
		return err
	}
	for i := range passwordLength {
		from := lower + upper + digits + marks
		if i < 4 {
			from = [...]string{lower, upper, digits, marks}[i]
		}
		if err := pick(from); err != nil {
			return "", err
		}
	}
	return string(out), nil
}
