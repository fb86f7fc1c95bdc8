package attr

// Attribute and class names are ASCII in every directory that we know. Folding only ASCII
// keeps comparison free of allocation and of surprises such as the Turkish dotless i.

// Fold returns the name in the form under which names are compared: ASCII upper-case
// letters become lower-case ones. A name that is folded already is returned as it is.
func Fold(name string) string {
	for i := 0; i < len(name); i++ {
		if 'A' <= name[i] && name[i] <= 'Z' {
			return foldFrom(name, i)
		}
	}
	return name
}

func foldFrom(name string, i int) string {
	b := []byte(name)
	for ; i < len(b); i++ {
		b[i] = lower(b[i])
	}
	return string(b)
}

// EqualName reports whether two attribute or class names are the same without regard to
// ASCII case.
func EqualName(a, b string) bool { return len(a) == len(b) && CompareNames(a, b) == 0 }

// CompareNames orders names without regard to ASCII case and returns -1, 0 or 1.
func CompareNames(a, b string) int {
	for i := range min(len(a), len(b)) {
		ca, cb := a[i], b[i]
		if ca == cb {
			continue // nearly always: names are spelled as the schema spells them
		}
		if ca, cb = lower(ca), lower(cb); ca != cb {
			if ca < cb {
				return -1
			}
			return 1
		}
	}
	switch {
	case len(a) < len(b):
		return -1
	case len(a) > len(b):
		return 1
	}
	return 0
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
