package expr_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// An edge is what a function makes of NULL, of the empty value, of several values and of
// its boundaries. Wrong types are seen to by TestWrongTypes for all functions at once.
type edge struct{ expr, want string }

func runEdges(t *testing.T, edges []edge) {
	t.Helper()
	for _, e := range edges {
		t.Run(e.expr, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, e.want, text(e.expr, subject()))
		})
	}
}

func TestTestFunctions(t *testing.T) {
	t.Parallel()
	runEdges(t, []edge{
		{`IsPresent([absent])`, `False`}, {`IsPresent("")`, `False`}, {`IsPresent([empty])`, `False`}, {`IsPresent(0)`, `True`}, {`IsPresent([three])`, `True`}, {`IsPresent(False)`, `True`},
		{`IsPresent(Split(",",","))`, `False`},
		{`IsNull([absent])`, `True`}, {`IsNull([empty])`, `False`}, {`IsNull([three])`, `False`}, {`IsNull(NULL)`, `True`},
		{`IsEmpty([absent])`, `False`}, {`IsEmpty([empty])`, `True`}, {`IsEmpty([three])`, `False`}, {`IsEmpty([objectGUID])`, `False`},
		{`IsNullOrEmpty([absent])`, `True`}, {`IsNullOrEmpty([empty])`, `True`}, {`IsNullOrEmpty([three])`, `False`}, {`IsNullOrEmpty("x")`, `False`},
		{`IsString([absent])`, `False`}, {`IsString("")`, `True`}, {`IsString([n])`, `True`}, {`IsString([objectGUID])`, `False`}, {`IsString([three])`, `{True,True,True}`}, {`IsString([dn])`, `True`},
		{`IsNumeric([absent])`, `False`}, {`IsNumeric("")`, `False`}, {`IsNumeric([texts])`, `{True,True,False}`}, {`IsNumeric(" -5 ")`, `True`}, {`IsNumeric([n])`, `True`}, {`IsNumeric("9223372036854775808")`, `False`}, {`IsNumeric([objectGUID])`, `False`}, {`IsNumeric("&HFF")`, `True`},
		{`IsDate([absent])`, `False`}, {`IsDate("")`, `False`}, {`IsDate([n])`, `False`}, {`IsDate(Now())`, `True`}, {`IsDate([three])`, `{False,False,False}`}, {`IsDate("2001-02-29")`, `False`}, {`IsDate("2000-02-29")`, `True`},
		{`IsGuid([absent])`, `False`}, {`IsGuid("")`, `False`}, {`IsGuid([three])`, `{False,False,False}`}, {`IsGuid("{00001111-aaaa-2222-bbbb-3333cccc4444")`, `False`}, {`IsGuid("0000111-1aaaa-2222-bbbb-3333cccc4444")`, `False`}, {`IsGuid("00001111-aaaa-2222-bbbb-3333cccc444g")`, `False`},
		{`IsCert([absent])`, `False`}, {`IsCert("")`, `False`}, {`IsCert([objectGUID])`, `False`}, {`IsCert(ConvertToBase64([userCertificate]))`, `True`}, {`IsCert([three])`, `{False,False,False}`}, {`IsCert(Mid([userCertificate],1,100))`, `False`},
		{`IsBitSet([absent],2)`, `False`}, {`IsBitSet(2,NULL)`, `False`}, {`IsBitSet([numbers],2)`, `{False,True,True}`}, {`IsBitSet(-1,&H4000000000000000)`, `True`}, {`IsBitSet(0,0)`, `False`},
	})
}

func TestMathFunctions(t *testing.T) {
	t.Parallel()
	runEdges(t, []edge{
		{`BitAnd(514,2)`, `2`}, {`BitAnd(2,-2147483648)`, `0`}, {`BitAnd(-2147483646,-2147483648)`, `-2147483648`}, {`BitAnd([numbers],1)`, `{1,0,1}`}, {`BitAnd(-1,-1)`, `-1`}, {`CBool(BitAnd([groupType],-2147483648))`, `True`}, {`CBool(BitAnd([distribution],-2147483648))`, `False`},
		{`BitOr([absent],1)`, `error: BitOr at 1:1: a number is needed and there is none; guard it with IsPresent`}, {`BitOr(0,0)`, `0`}, {`BitOr([numbers],4)`, `{5,6,7}`}, {`BitOr(-1,1)`, `-1`},
		{`RandomNum(NULL,2)`, `NULL`}, {`RandomNum(3,2)`, `error: RandomNum at 1:1: the end is below the start`}, {`RandomNum(-9223372036854775808,9223372036854775807) <> 0`, `True`}, {`Count(RandomNum([numbers],3))`, `3`}, {`RandomNum(1,2) >= 1 && RandomNum(1,2) <= 2`, `True`},
	})
}

func TestConvertFunctions(t *testing.T) {
	t.Parallel()
	runEdges(t, []edge{
		{`CBool([absent])`, `False`}, {`CBool([n])`, `True`}, {`CBool(-1)`, `True`}, {`CBool("tRuE")`, `True`}, {`CBool("0")`, `False`}, {`CBool("")`, `error: CBool at 1:1: the text is neither True nor False`}, {`CBool([numbers])`, `{True,True,True}`}, {`CBool([flag])`, `True`},
		{`CDate([absent])`, `NULL`}, {`CDate("")`, `error: CDate at 1:1: the text is no date`}, {`CDate("2001-01-01")`, `2001-01-01T00:00:00Z`}, {`CDate("2012-01-01 23:00:00")`, `2012-01-01T23:00:00Z`}, {`CDate(Now())`, `2026-11-21T12:00:00Z`}, {`CStr(CDate(Split("2001-01-01,2002-02-02",",")))`, `{"2001-01-01 00:00:00","2002-02-02 00:00:00"}`},
		{`CNum([absent])`, `NULL`}, {`CNum("")`, `error: CNum at 1:1: the text is no number`}, {`CNum([n])`, `512`}, {`CNum("-9223372036854775808")`, `-9223372036854775808`}, {`CNum(Mid([objectGUID],1,2))`, `17767`}, {`CNum(Mid([objectGUID],1,1))`, `103`}, {`CNum([objectGUID])`, `error: CNum at 1:1: binary of 1 to 8 bytes is needed, not of 16`}, {`CNum(Split("1,2",","))`, `{1,2}`}, {`CNum("1.5")`, `error: CNum at 1:1: the text is no number`},
		{`CRef([absent])`, `NULL`}, {`CRef("")`, `ref""`}, {`CRef([dn])`, `ref"cn=Joe,ou=Atlanta,ou=GA,ou=US,dc=contoso,dc=com"`}, {`CRef([three])`, `{ref"a",ref"b",ref"c"}`},
		{`CStr([absent])`, `NULL`}, {`CStr("")`, `""`}, {`CStr(-5)`, `"-5"`}, {`CStr(False)`, `"False"`}, {`CStr([numbers])`, `{"1","2","3"}`}, {`CStr([manager])`, `"cn=Boss,dc=contoso,dc=com"`}, {`CStr(CDate("2007-12-25 14:30:00"))`, `"2007-12-25 14:30:00"`}, {`CStr("x")`, `"x"`},
		{`CGuid([absent])`, `NULL`}, {`CGuid("")`, `error: CGuid at 1:1: the text is no GUID`}, {`CGuid("{01234567-89AB-cdef-0123-456789abcdef}")`, `0x67452301AB89EFCD0123456789ABCDEF`}, {`CGuid([three])`, `error: CGuid at 1:1: the text is no GUID`},
		{`StringFromGuid([absent])`, `NULL`}, {`StringFromGuid([objectGUID])`, `"01234567-89ab-cdef-0123-456789abcdef"`}, {`StringFromGuid([objectSid])`, `error: StringFromGuid at 1:1: a GUID has 16 bytes, not 28`},
		{`StringFromSid([absent])`, `NULL`}, {`StringFromSid([objectSid])`, `"S-1-5-21-3623811015-3361044348-30300820-1013"`}, {`StringFromSid([objectGUID])`, `error: StringFromSid at 1:1: the bytes are no security identifier`}, {`StringFromSid(Mid([objectSid],1,27))`, `error: StringFromSid at 1:1: the bytes are no security identifier`},
		{`ConvertToBase64([absent])`, `NULL`}, {`ConvertToBase64("")`, `""`}, {`ConvertToBase64([objectGUID])`, `"Z0UjAauJ780BI0VniavN7w=="`}, {`ConvertToBase64([three])`, `{"YQA=","YgA=","YwA="}`}, {`ConvertToBase64("😀")`, `"PdgA3g=="`},
		{`ConvertFromBase64([absent])`, `NULL`}, {`ConvertFromBase64("")`, `""`}, {`ConvertFromBase64("PdgA3g==")`, `"😀"`}, {`ConvertFromBase64("YQ==")`, `error: ConvertFromBase64 at 1:1: text in UTF-16 has an even number of bytes, not 1`}, {`ConvertFromBase64("!")`, `error: ConvertFromBase64 at 1:1: the text is not Base64`}, {`ConvertFromBase64("w6k=",ASCII)`, `"??"`}, {`ConvertFromBase64("w6k=",UTF8)`, `"é"`}, {`ConvertFromBase64("YQA=",Unicode)`, `"a"`}, {`ConvertFromBase64("YQA=","unicode")`, `"a"`}, {`ConvertFromBase64(ConvertToBase64([three]))`, `{"a","b","c"}`},
		{`ConvertToUTF8Hex([absent])`, `NULL`}, {`ConvertToUTF8Hex("")`, `""`}, {`ConvertToUTF8Hex([three])`, `{"61","62","63"}`},
		{`ConvertFromUTF8Hex([absent])`, `NULL`}, {`ConvertFromUTF8Hex("")`, `""`}, {`ConvertFromUTF8Hex("c3A9f09f9880")`, `"é😀"`}, {`ConvertFromUTF8Hex("4")`, `error: ConvertFromUTF8Hex at 1:1: the text is not hexadecimal`}, {`ConvertFromUTF8Hex(Split("61,62",","))`, `{"a","b"}`},
		{`CBin([absent],2)`, `NULL`}, {`CBin(0,1)`, `0x00`}, {`CBin(255,1)`, `0xFF`}, {`CBin(256,1)`, `error: CBin at 1:1: the number does not fit into 1 bytes`}, {`CBin(-1,4)`, `error: CBin at 1:1: the number does not fit into 4 bytes`}, {`CBin(-1,8)`, `0xFFFFFFFFFFFFFFFF`}, {`CBin(1,0)`, `error: CBin at 1:1: the width is 1 to 8 bytes, not 0`}, {`CBin(1,9)`, `error: CBin at 1:1: the width is 1 to 8 bytes, not 9`}, {`CBin([numbers],1)`, `{0x01,0x02,0x03}`}, {`CBin(Len([objectGUID]),2) & CBin(2,1) & [objectGUID]`, `0x10000267452301AB89EFCD0123456789ABCDEF`},
		{`Thumbprint([absent])`, `NULL`}, {`Thumbprint(Mid(CBin(1,1),1,0))`, `0xE3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855`}, {`Len(Thumbprint([userCertificate]))`, `32`}, {`Count(Thumbprint(CBin([numbers],1)))`, `3`},
	})
}

func TestDateFunctions(t *testing.T) {
	t.Parallel()
	runEdges(t, []edge{
		{`DateAdd("d",NULL,Now())`, `NULL`}, {`DateAdd("d",1,CDate([absent]))`, `NULL`}, {`DateAdd([empty],1,Now())`, `error: DateAdd at 1:1: the interval is none of those it knows`},
		{`DateAdd("yyyy",1,CDate("2000-02-29"))`, `2001-02-28T00:00:00Z`}, {`DateAdd("q",-1,CDate("2001-01-31"))`, `2000-10-31T00:00:00Z`}, {`DateAdd("m",-13,CDate("2001-01-01 10:30:00"))`, `1999-12-01T10:30:00Z`},
		{`DateAdd("m",12,CDate("2001-12-15"))`, `2002-12-15T00:00:00Z`}, {`DateAdd("m",1,CDate("1500-01-31 01:00:00"))`, `1500-02-28T01:00:00Z`},
		{`DateAdd("y",1,CDate("2001-01-01"))`, `2001-01-02T00:00:00Z`}, {`DateAdd("d",-1,CDate("2001-01-01"))`, `2000-12-31T00:00:00Z`}, {`DateAdd("w",1,CDate("2001-01-05"))`, `2001-01-06T00:00:00Z`}, {`DateAdd("ww",1,CDate("2001-01-01"))`, `2001-01-08T00:00:00Z`},
		{`DateAdd("h",25,CDate("2001-01-01"))`, `2001-01-02T01:00:00Z`}, {`DateAdd("n",-1,CDate("2001-01-01"))`, `2000-12-31T23:59:00Z`}, {`DateAdd("s",1,CDate("2001-01-01"))`, `2001-01-01T00:00:01Z`},
		{`DateAdd("yyyy",9000,CDate("2001-01-01"))`, `error: DateAdd at 1:1: the date is not in the years 1 to 9999`}, {`DateAdd("yyyy",-9223372036854775808,Now())`, `error: DateAdd at 1:1: the date is not in the years 1 to 9999`}, {`DateAdd("s",9223372036854775807,Now())`, `error: DateAdd at 1:1: the date is not in the years 1 to 9999`},
		{`CStr(DateAdd("d",[numbers],CDate("2001-01-01")))`, `{"2001-01-02 00:00:00","2001-01-03 00:00:00","2001-01-04 00:00:00"}`},
		{`DateFromNum([absent])`, `NULL`}, {`DateFromNum(0)`, `1601-01-01T00:00:00Z`}, {`DateFromNum(-1)`, `error: DateFromNum at 1:1: the number is no date: it is negative`}, {`DateFromNum(9223372036854775807)`, `error: DateFromNum at 1:1: the date is not in the years 1 to 9999`}, {`DateFromNum(2650467743999999999)`, `9999-12-31T23:59:59.9999999Z`}, {`DateFromNum([numbers])`, `{1601-01-01T00:00:00.0000001Z,1601-01-01T00:00:00.0000002Z,1601-01-01T00:00:00.0000003Z}`},
		{`NumFromDate(CDate([absent]))`, `NULL`}, {`NumFromDate(CDate("1601-01-01"))`, `0`}, {`NumFromDate(DateFromNum([numbers]))`, `{1,2,3}`}, {`NumFromDate(CDate("0001-01-01"))`, `-504911232000000000`},
		{`FormatDateTime(CDate([absent]),"yyyy")`, `NULL`}, {`FormatDateTime(Now(),"")`, `""`}, {`FormatDateTime(Now(),NULL)`, `NULL`},
		{`FormatDateTime(CDate("2007-12-05 15:04:05.0678"),"d dd ddd dddd M MM MMM MMMM y yy yyy yyyy")`, `"5 05 Wed Wednesday 12 12 Dec December 7 07 2007 2007"`},
		{`FormatDateTime(CDate("2007-12-05 15:04:05.0678"),"h hh H HH m mm s ss f fff fffffff FFFFFFF t tt z zz zzz K")`, `"3 03 15 15 4 04 5 05 0 067 0678000 0678 P PM +0 +00 +00:00 Z"`},
		{`FormatDateTime(CDate("2007-12-05 00:04:05"),"h tt 'at' \h %d ""x""")`, `"12 AM at h 5 x"`},
		{`FormatDateTime(CDate("2007-12-05"),"yyyy/MM/dd 'open")`, `"2007/12/05 open"`}, {`FormatDateTime(DateFromNum([numbers]),"yyyy")`, `{"1601","1601","1601"}`},
	})
}

func TestDirectoryFunctions(t *testing.T) {
	t.Parallel()
	runEdges(t, []edge{
		{`DNComponent([absent],1)`, `NULL`}, {`DNComponent(CRef(""),1)`, `NULL`}, {`DNComponent([dn],0)`, `NULL`}, {`DNComponent([dn],7)`, `NULL`}, {`DNComponent([dn],6)`, `"com"`}, {`DNComponent([member],1)`, `{"a","b"}`}, {`DNComponent("nonsense",1)`, `error: DNComponent at 1:1: the text is no DN`},
		{`DNComponent("CN=Doe\, John,OU=x",1)`, `"Doe, John"`}, {`DNComponent("CN=a\2Cb,OU=x",1)`, `"a,b"`}, {`DNComponent("CN=a\C3\A9,OU=x",1)`, `"aé"`}, {`DNComponent("CN=a + OU=b,DC=c",1)`, `"a"`}, {`DNComponent("CN=""a,b"",DC=c",1)`, `"a,b"`}, {`DNComponent("CN=a\ ,DC=c",1)`, `"a "`}, {`DNComponent("CN=a,DC=c,",1)`, `error: DNComponent at 1:1: the text is no DN`},
		{`DNComponentRev([absent],1)`, `NULL`}, {`DNComponentRev([dn],1)`, `"com"`}, {`DNComponentRev([dn],6)`, `"Joe"`}, {`DNComponentRev([dn],7)`, `NULL`}, {`DNComponentRev([dn],0)`, `NULL`}, {`DNComponentRev([dn],4,DC)`, `"Joe"`}, {`DNComponentRev([dn],5,DC)`, `NULL`}, {`DNComponentRev([member],1)`, `{"a","b"}`}, {`DNComponentRev("",1)`, `NULL`}, {`DNComponentRev([dn],-9223372036854775808)`, `NULL`},
		{`EscapeDNComponent([absent])`, `NULL`}, {`EscapeDNComponent("")`, `""`}, {`EscapeDNComponent([three])`, `{"a","b","c"}`}, {`EscapeDNComponent("cn= a#b<c>d;e""f+g=h\ ")`, `"cn=\\ a\\#b\\<c\\>d\\;e\\""f\\+g\\=h\\\\\\ "`}, {`EscapeDNComponent("a b")`, `"a b"`}, {`EscapeDNComponent("cn=x" & CRLF)`, `"cn=x\\0D\\0A"`},
	})
}

func TestSetFunctions(t *testing.T) {
	t.Parallel()
	runEdges(t, []edge{
		{`Contains([absent],"x")`, `0`}, {`Contains([three],NULL)`, `0`}, {`Contains([three],"")`, `1`}, {`Contains([one],"ngl")`, `1`}, {`Contains([member],"cn=b")`, `2`}, {`Contains([member],"cn")`, `0`}, {`Contains([member],"CN=B",CaseInsensitive)`, `2`}, {`Contains([proxyAddresses],"SMTP:",CaseSensitive)`, `2`}, {`Contains([three],[three])`, `{1,2,3}`}, {`Contains([numbers],"1")`, `error: Contains at 1:1: text or references are searched, not number`},
		{`Count([absent])`, `0`}, {`Count([empty])`, `1`}, {`Count([n])`, `1`}, {`Count([three])`, `3`}, {`Count(Now())`, `1`},
		{`Item([absent],1)`, `error: Item at 1:1: there is no value with that number: there are 0`}, {`Item([three],0)`, `error: Item at 1:1: there is no value with that number: there are 3`}, {`Item([three],3)`, `"c"`}, {`Item([one],1)`, `"single"`}, {`Item([three],[numbers])`, `{"a","b","c"}`}, {`Item([description],1)`, `"first"`}, {`Item([three],NULL)`, `NULL`}, {`Item([objectGUID],1) = [objectGUID]`, `True`},
		{`ItemOrNull([absent],1)`, `NULL`}, {`ItemOrNull([three],0)`, `NULL`}, {`ItemOrNull([three],4)`, `NULL`}, {`ItemOrNull([three],-1)`, `NULL`}, {`ItemOrNull([three],3)`, `"c"`}, {`ItemOrNull([three],[numbers] + 1)`, `{"b","c"}`},
		{`Join([absent],",")`, `NULL`}, {`Join([empty])`, `""`}, {`Join([one],",")`, `"single"`}, {`Join([three])`, `"a b c"`}, {`Join([three],"")`, `"abc"`}, {`Join([three],NULL)`, `"abc"`}, {`Join([three],[absent])`, `"abc"`}, {`Join([numbers],"-")`, `"1-2-3"`}, {`Join([member],";")`, `"cn=a;cn=b"`}, {`Join([objectGUID])`, `error: Join at 1:1: values takes text or number or boolean or reference, not binary`},
		{`Split([absent],",")`, `NULL`}, {`Split("",",")`, `NULL`}, {`Split("a",",")`, `{"a"}`}, {`Split(",a,",",")`, `{"","a",""}`}, {`Split("a,b,c",",",1)`, `{"a,b,c"}`}, {`Split("a,b,c",",",0)`, `{"a","b","c"}`}, {`Split("a,b,c",",",99)`, `{"a","b","c"}`}, {`Split("a,b","")`, `error: Split at 1:1: the delimiter is one character`}, {`Split("a,b","ab")`, `error: Split at 1:1: the delimiter is one character`}, {`Split("a😀b","😀")`, `{"a","b"}`}, {`Split([description],"s")`, `{"fir","t","","econd"}`},
		{`RemoveDuplicates([absent])`, `NULL`}, {`RemoveDuplicates([one])`, `"single"`}, {`RemoveDuplicates([three])`, `{"a","b","c"}`}, {`RemoveDuplicates(Left([three],0))`, `{""}`}, {`Count(RemoveDuplicates(Split("` + strings.Repeat("a,b,", 40) + `a",",")))`, `2`}, {`RemoveDuplicates([numbers])`, `{1,2,3}`},
		{`Select($i,[absent],$i)`, `NULL`}, {`Select($i,[one],$i & $i)`, `{"singlesingle"}`}, {`Select($i,[three],IIF($i="b",NULL,$i))`, `{"a","c"}`}, {`Select($i,[empty],$i)`, `{""}`}, {`Select($i,[three],IIF($i="a",Now(),$i))`, `error: Select at 1:1: dates and other values cannot be in one set`},
		{`Where($i,[absent],True)`, `NULL`}, {`Where($i,[one],$i="single")`, `{"single"}`}, {`Where($i,[three],[absent])`, `NULL`}, {`Where($i,[three],$i<>"b")`, `{"a","c"}`}, {`Where($i,[three],$i)`, `error: Where at 1:1: a condition is True or False, not text`},
		{`With($v,[absent],IsNull($v))`, `True`}, {`With($v,"",$v)`, `""`}, {`With($v,[three],$v)`, `{"a","b","c"}`},
	})
}

func TestTextFunctions(t *testing.T) {
	t.Parallel()
	runEdges(t, []edge{
		{`Left([absent],3)`, `""`}, {`Left("",3)`, `""`}, {`Left("John",0)`, `""`}, {`Left("John",-1)`, `"John"`}, {`Left("John",99)`, `"John"`}, {`Left([three],1)`, `{"a","b","c"}`}, {`Left("a😀é",2)`, `"a😀"`}, {`Left("abc",NULL)`, `NULL`}, {`Left("abc",3)`, `"abc"`},
		{`Right([absent],3)`, `""`}, {`Right("",3)`, `""`}, {`Right("John",0)`, `""`}, {`Right("John",-1)`, `"John"`}, {`Right("John",99)`, `"John"`}, {`Right([description],1)`, `{"t","d"}`}, {`Right("a😀é",2)`, `"😀é"`},
		{`Mid([absent],1,2)`, `""`}, {`Mid("",1,2)`, `""`}, {`Mid("abc",2,0)`, `""`}, {`Mid("abc",2,-1)`, `"abc"`}, {`Mid("abc",0,1)`, `"abc"`}, {`Mid("abc",-1,1)`, `"abc"`}, {`Mid("abc",3,1)`, `"c"`}, {`Mid("abc",4,1)`, `"abc"`}, {`Mid("abc",2)`, `"bc"`}, {`Mid("x😀y",2,1)`, `"😀"`}, {`Mid([three],1,1)`, `{"a","b","c"}`}, {`Mid([objectGUID],15,9)`, `0xCDEF`}, {`Mid([objectGUID],17,1) = [objectGUID]`, `True`}, {`Mid("abc",1,NULL)`, `NULL`},
		{`Len([absent])`, `0`}, {`Len("")`, `0`}, {`Len([three])`, `{1,1,1}`}, {`Len([objectGUID])`, `16`}, {`Len("é😀")`, `2`}, {`Len([manager])`, `25`},
		{`InStr([absent],"x")`, `0`}, {`InStr("x",[absent])`, `0`}, {`InStr("","x")`, `0`}, {`InStr("abc","")`, `1`}, {`InStr("abc","",3)`, `3`}, {`InStr("abcabc","a",2)`, `4`}, {`InStr("abc","a",0)`, `1`}, {`InStr("abc","a",4)`, `0`}, {`InStr("😀x","x")`, `2`}, {`InStr("ABC","b")`, `0`}, {`InStr("ABC","b",1,vbTextCompare)`, `2`}, {`InStr("É","é",1,vbTextCompare)`, `1`}, {`InStr([mixed],"SIP:")`, `{0,1,0}`}, {`InStr("abc","abcd")`, `0`},
		{`InStrRev([absent],"x")`, `0`}, {`InStrRev("","x")`, `0`}, {`InStrRev("abc","")`, `3`}, {`InStrRev("abab","ab",3)`, `1`}, {`InStrRev("abab","AB",4,vbTextCompare)`, `3`}, {`InStrRev("😀x😀","😀")`, `3`}, {`InStrRev([three],"b")`, `{0,1,0}`}, {`InStrRev("abc","x")`, `0`}, {`InStrRev("abc",NULL)`, `0`},
		{`LCase([absent])`, `NULL`}, {`LCase("")`, `""`}, {`LCase("ÄÉ")`, `"äé"`}, {`LCase(UCase([three]))`, `{"a","b","c"}`},
		{`UCase([absent])`, `NULL`}, {`UCase("")`, `""`}, {`UCase("äé😀")`, `"ÄÉ😀"`}, {`UCase([three])`, `{"A","B","C"}`},
		{`PCase([absent])`, `NULL`}, {`PCase("")`, `""`}, {`PCase(" TEsT")`, `" Test"`}, {`PCase("$TEsT")`, `"$Test"`}, {`PCase("o'NEIL mc  x")`, `"O'neil Mc  X"`}, {`PCase([three])`, `{"A","B","C"}`}, {`PCase("123 abc")`, `"123 Abc"`}, {`PCase("NASA base")`, `"NASA Base"`},
		{`Trim("")`, `""`}, {`Trim("   ")`, `""`}, {`Trim([three])`, `{"a","b","c"}`}, {`Trim(CRLF & "x" & CRLF)`, `"x"`},
		{`LTrim([absent])`, `NULL`}, {`LTrim("")`, `""`}, {`LTrim(" " & [three])`, `{"a","b","c"}`}, {`LTrim("  ")`, `""`},
		{`RTrim([absent])`, `NULL`}, {`RTrim("")`, `""`}, {`RTrim([three] & " ")`, `{"a","b","c"}`}, {`RTrim("  ")`, `""`},
		{`PadLeft([absent],10,"0")`, `""`}, {`PadLeft("",2,"0")`, `"00"`}, {`PadLeft("User",4,"0")`, `"User"`}, {`PadLeft("User",2,"0")`, `"User"`}, {`PadLeft("User",-1,"0")`, `"User"`}, {`PadLeft("User",6,"😀")`, `"😀😀User"`}, {`PadLeft("User",6,"")`, `error: PadLeft at 1:1: one character to pad with is needed`}, {`PadLeft("User",6,NULL)`, `error: PadLeft at 1:1: one character to pad with is needed`}, {`PadLeft([three],2,"0")`, `{"0a","0b","0c"}`}, {`PadLeft("User",9223372036854775807,"0")`, `error: PadLeft at 1:1: the evaluation makes more output than it may`},
		{`PadRight([absent],10,"0")`, `""`}, {`PadRight("",2,"0")`, `"00"`}, {`PadRight("User",4,"0")`, `"User"`}, {`PadRight("User",6,"00")`, `error: PadRight at 1:1: one character to pad with is needed`}, {`PadRight([three],2,"0")`, `{"a0","b0","c0"}`},
		{`Replace([absent],"a","b")`, `NULL`}, {`Replace("","a","b")`, `""`}, {`Replace("aaa","a","bb")`, `"bbbbbb"`}, {`Replace("abc","","x")`, `"abc"`}, {`Replace("abc","b",NULL)`, `"ac"`}, {`Replace("abc",NULL,"x")`, `"abc"`}, {`Replace("a" & CRLF & "b","\r\n","\t")`, "\"a\tb\""}, {`Replace([proxyAddresses],"@contoso.com","")`, `{"smtp:jd","SMTP:john.doe"}`}, {`Replace("Aa","a","b")`, `"Ab"`},
		{`ReplaceChars([absent],"a:b")`, `NULL`}, {`ReplaceChars("","a:b")`, `""`}, {`ReplaceChars("abc","")`, `"abc"`}, {`ReplaceChars("abc",NULL)`, `"abc"`}, {`ReplaceChars("aAa"," a : xy , ")`, `"xyAxy"`}, {`ReplaceChars("abc","ab:c")`, `error: ReplaceChars at 1:1: the pattern is not of the form x:y,x:y with one character x`}, {`ReplaceChars("abc",":c")`, `error: ReplaceChars at 1:1: the pattern is not of the form x:y,x:y with one character x`}, {`ReplaceChars("abc","ö,o")`, `error: ReplaceChars at 1:1: the pattern is not of the form x:y,x:y with one character x`}, {`ReplaceChars("😀b","😀:x")`, `"xb"`}, {`ReplaceChars([three],"a:1,b:2")`, `{"1","2","c"}`},
		{`Word([absent],1," ")`, `""`}, {`Word("",1," ")`, `""`}, {`Word("a b",0," ")`, `""`}, {`Word("a b",-1," ")`, `""`}, {`Word("a b",3," ")`, `""`}, {`Word("a b",1,"")`, `"a b"`}, {`Word("a b",2,"")`, `""`}, {`Word("a b",1,NULL)`, `"a b"`}, {`Word("a b ",3," ")`, `""`}, {`Word("Test;of%function;",3,";$&%")`, `"function"`}, {`Word("a😀b",2,"😀")`, `"b"`}, {`Word([proxyAddresses],2,"@")`, `{"contoso.com","contoso.com"}`},
		{`Len(Guid())`, `36`}, {`IsGuid(GUID())`, `True`}, {`Guid() = Guid()`, `False`},
		{`Error(NULL)`, `error: the rule called Error without a message`}, {`Error("")`, `error: the rule called Error without a message`}, {`Error([three])`, `error: a`}, {`Error(5)`, `error: 5`},
		{`ValueCount("absent")`, `0`}, {`ValueCount("three")`, `3`}, {`ValueCount("one")`, `1`}, {`ImportedValue("absent")`, `NULL`}, {`ImportedValue("empty")`, `""`}, {`UCase(ImportedValue("three"))`, `{"A","B","C"}`},
		{`Switch([off],"x")`, `NULL`}, {`Switch([flag],NULL)`, `NULL`}, {`Switch([absent],"x",[flag],"y")`, `"y"`}, {`IIF([empty]="","empty","no")`, `"empty"`},
	})
}

// TestCertificates gives every certificate function NULL, the empty text, Base64, several
// certificates and damaged ones.
func TestCertificates(t *testing.T) {
	t.Parallel()
	der := subject()["userCertificate"][0]
	several := values{"c": {der, der}}
	for _, f := range expr.Functions() {
		if f.Chapter != "Certificates" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			call := func(arg string) string {
				if f.Name == "CertNameInfo" {
					return f.Name + "(" + arg + `,"SimpleName",False)`
				}
				return f.Name + "(" + arg + ")"
			}
			const bad = " at 1:1: the value is no certificate"
			require.Equal(t, "NULL", text(call("[absent]"), nil))
			require.Equal(t, "error: "+f.Name+bad, text(call(`""`), nil))
			require.Equal(t, "error: "+f.Name+bad, text(call(`"AAAA"`), nil))
			require.Equal(t, "error: "+f.Name+bad, text(call("[c]"), values{"c": bin(0x30, 0x80)}))
			one := text(call("[c]"), values{"c": {der}})
			require.Equal(t, one, text(call("ConvertToBase64([c])"), values{"c": {der}}), "Base64 of it")
			inner := strings.TrimSuffix(strings.TrimPrefix(one, "{"), "}")
			require.Equal(t, "{"+inner+","+inner+"}", text(call("[c]"), several), "two of them")
			whole := der.Str()
			for cut := range len(whole) {
				require.Contains(t, text(call("[c]"), values{"c": {attr.BinaryString(whole[:cut])}}), bad, "%d bytes", cut)
			}
		})
	}
	for nameType, want := range map[string]string{
		"SimpleName": "abbie.spencer", "EmailName": "abbie.spencer@fabrikam.com", "UpnName": "abbie.spencer@fabrikam.com",
		"DnsName": "pc1.fabrikam.com", "DnsFromAlternativeName": "pc1.fabrikam.com", "UrlName": "",
	} {
		require.Equal(t, `"`+want+`"`, text(`CertNameInfo([c],"`+nameType+`",False)`, values{"c": {der}}))
	}
	require.Equal(t, `"abbie.spencer"`, text(`CertNameInfo([c],"SimpleName",True)`, values{"c": {der}}))
	require.Equal(t, `""`, text(`CertNameInfo([c],"UpnName",True)`, values{"c": {der}}))
}

// TestWrongTypes gives every parameter of every function each kind that it does not take,
// from an attribute, so that only the evaluation can see it.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	kinds := []struct {
		kind expr.Type
		name string
	}{
		{expr.TypeString, "alias"}, {expr.TypeNumber, "n"}, {expr.TypeBool, "flag"}, {expr.TypeBinary, "objectGUID"}, {expr.TypeReference, "manager"},
	}
	good := map[expr.Type]string{
		expr.TypeString: `"a"`, expr.TypeNumber: "1", expr.TypeBool: "True", expr.TypeBinary: "CBin(1,1)",
		expr.TypeReference: `CRef("cn=a")`, expr.TypeDate: "Now()",
	}
	special := map[string]bool{"IIF": true, "Switch": true, "Select": true, "Where": true, "With": true, "ImportedValue": true, "ValueCount": true}
	for _, f := range expr.Functions() {
		if special[f.Name] {
			continue // their arguments are checked as they are written; see TestDiagnostics
		}
		for i, p := range f.Params {
			for _, k := range kinds {
				if p.Type&k.kind != 0 || p.Type&expr.TypeEnum != 0 && k.kind == expr.TypeString {
					continue
				}
				var args []string
				for j, other := range f.Params[:max(i+1, len(f.Params))] {
					switch {
					case j == i:
						args = append(args, "["+k.name+"]")
					case len(other.Words) > 0:
						args = append(args, `"`+other.Words[0]+`"`)
					default:
						for bit := expr.TypeString; bit <= expr.TypeDate; bit <<= 1 {
							if other.Type&bit != 0 {
								args = append(args, good[bit])
								break
							}
						}
					}
				}
				src := f.Name + "(" + strings.Join(args, ",") + ")"
				program, err := expr.Compile(src, nil)
				if p.Type == expr.TypeDate {
					require.ErrorContains(t, err, f.Name+" takes date here", "no attribute is a date")
					continue
				}
				require.NoError(t, err, src)
				set := attr.NewSet(subject())
				_, err = program.Eval(&expr.Input{Attributes: expr.FromSet(&set)})
				var e *expr.EvalError
				require.ErrorAs(t, err, &e, src)
				require.Equal(t, expr.CodeType, e.Code, src)
				require.Equal(t, f.Name, e.Function, src)
				require.Contains(t, e.Message, p.Name+" takes ", src)
				for _, secret := range []string{"joe", "512", "Boss"} {
					require.NotContains(t, e.Error(), secret, src)
				}
			}
		}
	}
}

func TestRandomness(t *testing.T) {
	t.Parallel()
	program, err := expr.Compile(`Guid() & "/" & RandomNum(1,6)`, nil)
	require.NoError(t, err)
	source := bytes.Repeat([]byte{1}, 64)
	r, err := program.Eval(&expr.Input{Random: bytes.NewReader(source)})
	require.NoError(t, err)
	require.Equal(t, `"01010101-0101-4101-8101-010101010101/2"`, r.Text())
	_, err = program.Eval(&expr.Input{Random: bytes.NewReader(source[:3])})
	var e *expr.EvalError
	require.ErrorAs(t, err, &e)
	require.Equal(t, expr.CodeSource, e.Code)
}
