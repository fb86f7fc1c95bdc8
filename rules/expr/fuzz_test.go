package expr

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// The corpus of the targets is in testdata/fuzz: seeds, and inputs that fuzzing found to
// reach new code.

func FuzzLexer(f *testing.F) {
	for _, src := range []string{`IIF([a]=&HFF&&%P%,"x""\\y",$v)`, "“a”", "[a b]", "1.5", "&H", "|!=='"} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		reports := 0
		tokens := lex(src, func(pos int, message, _ string) {
			reports++
			require.True(t, 0 <= pos && pos <= len(src), "report at %d", pos)
			require.NotEmpty(t, message)
		})
		last := 0
		for _, k := range tokens {
			require.GreaterOrEqual(t, k.pos, last)
			require.GreaterOrEqual(t, k.end, k.pos)
			require.LessOrEqual(t, k.end, len(src))
			require.NotEmpty(t, k.describe())
			last = k.end
		}
		require.Equal(t, tokEOF, tokens[len(tokens)-1].kind)
	})
}

// FuzzParser compiles, prints and compiles again: the printed form is the same expression
// and prints as itself.
func FuzzParser(f *testing.F) {
	for _, src := range []string{
		`IIF(IsPresent([displayName]),Left(Trim([displayName]),448),[cn])`,
		`(1+2)*3 - -4 = 5 || ([a] & ("b" & [c])) <> "d" && True`,
		`With($u,Where($item,[c],CertNotAfter($item)>Now()),IIF(Count($u)>0,$u,NULL))`,
		`Trm([a]`, `[a] [b]`, `((((`, `Left(,,`,
	} {
		f.Add(src)
	}
	opts := &Options{Limits: Limits{Steps: 1000, Output: 1 << 16}}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src, opts)
		if err != nil {
			checkDiagnostics(t, src, err)
			return
		}
		again, err := Compile(p.Normalized(), opts)
		require.NoError(t, err, p.Normalized())
		require.Equal(t, p.Normalized(), again.Normalized())
		require.Equal(t, p.Attributes(), again.Attributes())
		require.Equal(t, p.Parameters(), again.Parameters())
	})
}

func checkDiagnostics(t *testing.T, src string, err error) {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	failed := false
	for _, d := range e.Diagnostics {
		failed = failed || d.Severity == SeverityError
		require.True(t, 0 <= d.Offset && d.Offset <= len(src))
		require.GreaterOrEqual(t, d.Line, 1)
		require.GreaterOrEqual(t, d.Column, 1)
		require.Len(t, strings.Split(d.Snippet, "\n"), 2)
		require.True(t, strings.HasSuffix(d.Snippet, "^"))
	}
	require.True(t, failed, "an error without a mistake")
}

// FuzzEval evaluates any expression over an object with one attribute of each sort. It is
// bounded, gives the same twice, and errors do not show values.
func FuzzEval(f *testing.F) {
	for _, fn := range Functions() {
		for _, e := range fn.Examples {
			f.Add(e.Expr, "hunter2", int64(512))
		}
	}
	f.Add(`Select($i,[m],Trim($i & [m])) `, "a,b", int64(-1))
	f.Add(`IIF([m]="a",Split([s],","),[m] & [n])`, "a,b", int64(3))
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, src, text string, number int64) {
		p, err := Compile(src, &Options{Limits: Limits{Source: 2000, Steps: 20_000, Output: 1 << 20}})
		if err != nil {
			return
		}
		var set attr.Set
		for i, name := range p.Attributes() {
			fuzzAttribute(&set, name, i+len(name), text, number)
		}
		in := &Input{Attributes: FromSet(&set), Now: now, Random: endless{}, Parameters: func(string) (string, bool) { return text, true }}
		first, err1 := p.Eval(in)
		second, err2 := p.Eval(in)
		require.Equal(t, err1, err2)
		require.Equal(t, first.Text(), second.Text())
		if err1 != nil {
			var e *EvalError
			require.ErrorAs(t, err1, &e)
			require.NotEmpty(t, e.Code)
			require.NotEmpty(t, e.Message)
			return
		}
		again, err := Compile(p.Normalized(), nil)
		require.NoError(t, err)
		third, err := again.Eval(in)
		require.NoError(t, err)
		require.Equal(t, first.Text(), third.Text(), p.Normalized())
	})
}

// fuzzAttribute gives an attribute values of a sort that depends on its name only.
func fuzzAttribute(set *attr.Set, name string, sort int, text string, number int64) {
	switch sort % 8 {
	case 0:
		set.Put(name, attr.String(text))
	case 1:
		set.Put(name, attr.String("a"), attr.String(text), attr.String(""))
	case 2:
		set.Put(name, attr.Int(number))
	case 3:
		set.Put(name, attr.Int(number), attr.Int(2))
	case 4:
		set.Put(name, attr.BinaryString(text))
	case 5:
		set.Put(name, attr.Bool(number%2 == 0))
	case 6:
		set.Put(name, attr.Reference(text), attr.Reference("cn=x"))
	}
}

// endless is randomness without end that is the same every time.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"2013-01-10 4:00 PM -8", "12/25/2007", "20140905081453.0Z", "10 Jan 2013", "Jan 10, 2013 16:00:30.125 UTC+2", "2012-01-01T23:00:00+05:30"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ticks, ok := parseDate(s)
		if !ok {
			return
		}
		require.True(t, minTicks <= ticks && ticks <= maxTicks)
		for _, format := range []string{"yyyy-MM-dd HH:mm:ss.fffffff", "yyyyMMddHHmmss.fffffffZ", "MMMM d, yyyy h:mm:ss.fffffff tt"} {
			printed := formatDate(ticks, format)
			again, ok := parseDate(printed)
			require.True(t, ok, printed)
			require.Equal(t, ticks, again, printed)
		}
	})
}

func FuzzFormatDate(f *testing.F) {
	f.Add(int64(130543784930000000), "yyyyMMddHHmmss.0Z")
	f.Add(int64(-1), `dddd 'x' \y "z" fffffff FFFFFFFF zzz K tt`)
	f.Fuzz(func(t *testing.T, ticks int64, format string) {
		if ticks < minTicks || ticks > maxTicks {
			return
		}
		require.LessOrEqual(t, len(formatDate(ticks, format)), 16+9*len(format))
		require.Equal(t, ticks, ticksOf(timeOf(ticks)))
	})
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"42", "-1", "&HFF", "0x10", " 7 ", "1e5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := parseNumber(s); ok {
			v := Number(n)
			again, ok := parseNumber(textOf(&v))
			require.True(t, ok)
			require.Equal(t, n, again)
		}
	})
}

func FuzzGUID(f *testing.F) {
	f.Add("01234567-89ab-cdef-0123-456789abcdef")
	f.Add("{01234567-89AB-CDEF-0123-456789ABCDEF}")
	f.Fuzz(func(t *testing.T, s string) {
		if g, ok := parseGUID(s); ok {
			require.Equal(t, strings.ToLower(strings.Trim(s, "{}")), formatGUID(string(g[:])))
		}
	})
}

func FuzzSID(f *testing.F) {
	f.Add([]byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := formatSID(string(b)); ok {
			require.True(t, strings.HasPrefix(s, "S-1-"))
			require.Equal(t, 2+int(b[1]), strings.Count(s, "-"))
		}
	})
}

// FuzzDN: an escaped value comes back as it was, as the only component and between others.
func FuzzDN(f *testing.F) {
	for _, s := range []string{`CN=Joe\0ACNF:4a1e,OU=x,DC=y`, `cn=a+ou=b,dc=c`, `CN="a,b",DC=c`, "Doe, John", ` #a<b>\"`, "a\x00b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for n := int64(-1); n < 5; n++ {
			left, found, ok := findComponent(s, n, false, false)
			_, _, okRight := findComponent(s, n, true, true)
			require.Equal(t, ok, okRight)
			if found {
				unescapeComponent(left)
			}
		}
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return
		}
		escaped := escapeComponent("cn=" + s)
		raw, found, ok := findComponent("ou=a,"+escaped+",dc=b", 2, false, false)
		require.True(t, ok && found, escaped)
		require.Equal(t, s, unescapeComponent(raw), escaped)
	})
}

func FuzzCertificate(f *testing.F) {
	der, err := base64.StdEncoding.DecodeString(exampleCertificateText)
	require.NoError(f, err)
	f.Add(der)
	f.Add(der[:200])
	f.Fuzz(func(t *testing.T, b []byte) {
		v := Value{kind: TypeBinary, str: string(b)}
		cert, err := certificateOf(&v)
		if err != nil {
			return
		}
		c := &Call{program: &Program{}, steps: 1 << 30, output: 1 << 30}
		for _, fn := range certFunctions() {
			args := []Value{v, Text("SimpleName"), Boolean(true)}[:len(fn.Params)]
			_, err := fn.Eval(c, args)
			if err != nil {
				require.Equal(t, errNoCertificate, err)
			}
		}
		for _, nameType := range []string{"EmailName", "UpnName", "DnsName", "DnsFromAlternativeName", "UrlName"} {
			require.True(t, utf8.ValidString(cert.nameInfo(nameType, false)))
		}
	})
}

func FuzzReplaceChars(f *testing.F) {
	f.Add("Räksmörgås", "’:,Å:A,Ä:A,Ö:O,å:a,ä:a,ö:o")
	f.Add("abc", "a:b,")
	f.Add("abc", "ab:c")
	f.Fuzz(func(t *testing.T, s, pattern string) {
		c := &Call{steps: 1 << 30, output: 1 << 20}
		v, err := replaceChars(c, []Value{Text(s), Text(pattern)})
		if err != nil {
			return
		}
		if !strings.Contains(pattern, ":") {
			require.Equal(t, s, v.str)
		}
	})
}

// FuzzText: positions of the text functions agree with each other.
func FuzzText(f *testing.F) {
	f.Add("The quick 😀 fox", "😀", int64(3))
	f.Add("\xff\xfe", "\xfe", int64(1))
	f.Fuzz(func(t *testing.T, s, match string, n int64) {
		if !utf8.ValidString(s) || !utf8.ValidString(match) {
			return // half a character can be found inside of a whole one
		}
		eval := func(src string) Result {
			p, err := Compile(src, nil)
			require.NoError(t, err)
			set := attr.Set{}
			set.Put("s", attr.String(s))
			set.Put("m", attr.String(match))
			set.Put("n", attr.Int(n))
			r, err := p.Eval(&Input{Attributes: FromSet(&set)})
			require.NoError(t, err)
			return r
		}
		at := eval(`InStr([s],[m])`)
		require.Equal(t, at.Single.Int() > 0, s != "" && strings.Contains(s, match))
		if at.Single.Int() > 0 && match != "" {
			require.Equal(t, "True", eval(`Mid([s],InStr([s],[m]),Len([m])) = [m]`).Single.Text())
			require.Equal(t, "True", eval(`InStrRev([s],[m]) >= InStr([s],[m])`).Single.Text())
			require.Equal(t, "True", eval(`InStr([s],[m],1,vbTextCompare) <= InStr([s],[m])`).Single.Text())
		}
		if n >= 0 && n <= int64(len(s)) {
			require.Equal(t, s, eval(`Left([s],[n]) & Right([s],IIF(Len([s])>[n],Len([s])-[n],0))`).Single.Text())
		}
		eval(`PCase([s]) & Word([s],[n],[m]) & Mid([s],[n]) & Join(Split([s],"a"),"a")`)
	})
}
