package rules_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

const ruleXML = `<?xml version="1.0" encoding="utf-16"?>
<synchronizationRule>
  <id>{0B088913-B613-4D9D-9563-9988B7719ED6}</id>
  <internal-id>{0b088913-b613-4d9d-9563-9988b7719ed6}</internal-id>
  <version>1</version>
  <name>In from AD - Example</name>
  <description>d</description>
  <immutable-tag />
  <direction>Inbound</direction>
  <disabled>False</disabled>
  <connector>{ae4db4cc-b16b-4eb2-acf5-837ca84e4d7d}</connector>
  <sourceObjectType>user</sourceObjectType>
  <targetObjectType>person</targetObjectType>
  <linkType>Provision</linkType>
  <precedence>100</precedence>
  <precedence-after>{00000000-0000-0000-0000-000000000000}</precedence-after>
  <precedence-before>{11111111-0000-0000-0000-000000000000}</precedence-before>
  <softDeleteExpiryInterval>1.02:03:04</softDeleteExpiryInterval>
  <EnablePasswordSync>true</EnablePasswordSync>
  <novelty><x>1</x></novelty>
  <attribute-mappings>
    <mapping><dest>title</dest><src><attr>title</attr></src><valueMergeType>Replace</valueMergeType></mapping>
    <mapping execute-once="true"><dest>accountEnabled</dest><src>True</src><valueMergeType>Update</valueMergeType></mapping>
    <mapping>
      <dest>displayName</dest><src><attr>cn</attr><attr>displayName</attr></src>
      <expression>
        IIF(IsPresent([displayName]) &amp;amp;&amp;amp; Len([cn]) &amp;gt; 0, [displayName] &amp; "&amp;amp;", [cn])
      </expression>
      <valueMergeType>MergeCaseInsensitive</valueMergeType>
    </mapping>
    <mapping><dest>sn</dest><src><attr>sn</attr></src><expression>[sn] &amp; "&amp;amp;"</expression><valueMergeType>Update</valueMergeType></mapping>
  </attribute-mappings>
  <relationshipCriteria>
    <conditions><condition><csAttribute>mail</csAttribute><ilmAttribute>mail</ilmAttribute><caseSensitive>True</caseSensitive></condition></conditions>
    <conditions><condition><csAttribute>cn</csAttribute><ilmAttribute>cn</ilmAttribute></condition></conditions>
  </relationshipCriteria>
  <synchronizationCriteria>
    <conditions>
      <scope><csAttribute>mail</csAttribute><csOperator>ISNOTNULL</csOperator><csValue /></scope>
      <scope><csAttribute>userAccountControl</csAttribute><csOperator>ISNOTBITSET</csOperator><csValue>2</csValue></scope>
    </conditions>
    <conditions />
  </synchronizationCriteria>
</synchronizationRule>`

const connectorXML = `<saved-ma-configuration><ma-data>
  <format-version>1</format-version>
  <id>{AE4DB4CC-B16B-4EB2-ACF5-837CA84E4D7D}</id>
  <name>corp.example</name>
  <category>AD</category>
  <subtype></subtype>
  <schema><dsml:dsml xmlns:dsml="http://www.dsml.org/DSML"><dsml:directory-schema>
    <dsml:class id="c1" superior="#top" type="structural"><dsml:name>user</dsml:name><dsml:attribute ref="#mail" required="false"/></dsml:class>
    <dsml:attribute-type id="a1" single-value="true"><dsml:name>mail</dsml:name><dsml:syntax>1.3.6.1.4.1.1466.115.121.1.15</dsml:syntax></dsml:attribute-type>
    <dsml:attribute-type id="a2"><dsml:name>member</dsml:name><dsml:syntax>1.3.6.1.4.1.1466.115.121.1.12</dsml:syntax></dsml:attribute-type>
    <dsml:attribute-type id="a3"><dsml:name>notIncluded</dsml:name><dsml:syntax>1.3.6.1.4.1.1466.115.121.1.12</dsml:syntax></dsml:attribute-type>
  </dsml:directory-schema></dsml:dsml></schema>
  <attribute-inclusion><attribute>mail</attribute><attribute>member</attribute></attribute-inclusion>
  <private-configuration><adma-configuration>
    <forest-login-user>secretive</forest-login-user>
    <parameter-values>
      <parameter name="forest-login-user" use="connectivity">secretive</parameter>
      <parameter name="password" use="global" encrypted="1">hunter2</parameter>
      <parameter name="Forest.FQDN" use="global" intrinsic="1">corp.example</parameter>
      <parameter name="Own.Map" use="global">a:b</parameter>
    </parameter-values>
  </adma-configuration></private-configuration>
  <ma-partition-data><partition>
    <id>{DC4C27DB-D13D-460A-9A82-C48ABA1EE815}</id><name>DC=corp,DC=example</name><display-name>corp.example</display-name><selected>1</selected>
    <filter>
      <object-classes><object-class>user</object-class><object-class>group</object-class></object-classes>
      <containers><inclusions><inclusion>OU=Staff,DC=corp,DC=example</inclusion></inclusions><exclusions><exclusion>DC=corp,DC=example</exclusion></exclusions></containers>
    </filter>
    <parameter-values><parameter name="Domain.Netbios" use="partition" intrinsic="1">CORP</parameter></parameter-values>
  </partition></ma-partition-data>
  <ma-run-data><run-configuration><name>Full Import</name></run-configuration></ma-run-data>
</ma-data></saved-ma-configuration>`

const metaverseXML = `<saved-mv-configuration server="S1" export-date="2016-05-03"><mv-data>
  <schema><dsml:dsml xmlns:dsml="http://www.dsml.org/DSML" xmlns:ms-dsml="http://www.microsoft.com/MMS/DSML"><dsml:directory-schema>
    <dsml:class id="person" type="structural"><dsml:name>person</dsml:name><dsml:attribute ref="#sn"/></dsml:class>
    <dsml:attribute-type id="title" single-value="true" ms-dsml:indexable="true"><dsml:name>title</dsml:name><dsml:syntax>1.3.6.1.4.1.1466.115.121.1.15</dsml:syntax></dsml:attribute-type>
    <dsml:attribute-type id="sn" single-value="true"><dsml:name>sn</dsml:name><dsml:syntax>1.3.6.1.4.1.1466.115.121.1.15</dsml:syntax></dsml:attribute-type>
    <dsml:attribute-type id="cn" single-value="true"><dsml:name>cn</dsml:name><dsml:syntax>1.3.6.1.4.1.1466.115.121.1.15</dsml:syntax></dsml:attribute-type>
    <dsml:attribute-type id="mail" single-value="true"><dsml:name>mail</dsml:name><dsml:syntax>1.3.6.1.4.1.1466.115.121.1.15</dsml:syntax></dsml:attribute-type>
    <dsml:attribute-type id="displayName" single-value="false"><dsml:name>displayName</dsml:name><dsml:syntax>1.3.6.1.4.1.1466.115.121.1.15</dsml:syntax></dsml:attribute-type>
    <dsml:attribute-type id="accountEnabled" single-value="true"><dsml:name>accountEnabled</dsml:name><dsml:syntax>1.3.6.1.4.1.1466.115.121.1.7</dsml:syntax></dsml:attribute-type>
  </dsml:directory-schema></dsml:dsml></schema>
  <parameter-values>
    <parameter name="Microsoft.Synchronize.StagingMode">False</parameter>
    <parameter name="Secret" encrypted="1">hunter2</parameter>
  </parameter-values>
</mv-data></saved-mv-configuration>`

func exampleExport() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"Connectors/Connector_{ae4db4cc}.xml":       file("\ufeff" + connectorXML),
		"GlobalSettings/MV.xml":                     file(metaverseXML),
		"SynchronizationRules/Rule_{0b088913}.xml":  file(ruleXML),
		"SynchronizationRules/Rule_{0b088913}.html": file("x"),
	}
}

// encodings are the ways in which files of an export are written.
var encodings = map[string]func(string) []byte{
	"UTF-8":                 func(s string) []byte { return []byte(s) },
	"UTF-8 with mark":       func(s string) []byte { return []byte("\ufeff" + s) },
	"UTF-8 with CRLF":       func(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) },
	"UTF-16LE with mark":    func(s string) []byte { return utf16Bytes("\ufeff"+s, binary.LittleEndian) },
	"UTF-16BE with mark":    func(s string) []byte { return utf16Bytes("\ufeff"+s, binary.BigEndian) },
	"UTF-16LE without mark": func(s string) []byte { return utf16Bytes(s, binary.LittleEndian) },
	"UTF-16BE with CRLF":    func(s string) []byte { return utf16Bytes(strings.ReplaceAll(s, "\n", "\r\n"), binary.BigEndian) },
	"UTF-8 wrapped in a list": func(s string) []byte {
		_, s, _ = strings.Cut(s, "?>")
		return []byte("<synchronizationRules>" + s + "</synchronizationRules>")
	},
}

func utf16Bytes(s string, order binary.AppendByteOrder) (out []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return out
}

func TestReadExport(t *testing.T) {
	t.Parallel()
	want := rules.Rule{
		ID: "0b088913-b613-4d9d-9563-9988b7719ed6", Name: "In from AD - Example", Description: "d", Direction: rules.Inbound,
		Connector: "corp.example", SourceType: "user", TargetType: "person", LinkType: rules.Provision, Precedence: 100, PasswordSync: true,
		SoftDeleteExpiry: 26*time.Hour + 3*time.Minute + 4*time.Second,
		Scope: []rules.ScopeGroup{{
			{Attribute: "mail", Operator: rules.IsNotNull}, {Attribute: "userAccountControl", Operator: rules.IsBitNotSet, Value: "2"},
		}},
		Join: []rules.JoinGroup{{{CS: "mail", MV: "mail", CaseSensitive: true}}, {{CS: "cn", MV: "cn"}}},
		Flows: []rules.Flow{
			{Target: "title", Type: rules.Direct, Source: []string{"title"}, Merge: rules.Update},
			{Target: "accountEnabled", Type: rules.Constant, Constant: "True", ExecuteOnce: true, Merge: rules.Update},
			{Target: "displayName", Type: rules.Expression, Source: []string{"cn", "displayName"}, Merge: rules.MergeCaseInsensitive,
				Expression: `IIF(IsPresent([displayName]) && Len([cn]) > 0, [displayName] & "&", [cn])`},
			{Target: "sn", Type: rules.Expression, Source: []string{"sn"}, Expression: `[sn] & "&amp;"`, Merge: rules.Update},
		},
	}
	for name, encode := range encodings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := exampleExport()
			dir["SynchronizationRules/Rule_{0b088913}.xml"].Data = encode(ruleXML)
			e, err := rules.ReadExport(dir)
			require.NoError(t, err)
			require.Equal(t, []rules.Rule{want}, e.Rules)
		})
	}
}

func TestReadExportOfConnectorsAndSettings(t *testing.T) {
	t.Parallel()
	e, err := rules.ReadExport(exampleExport())
	require.NoError(t, err)
	require.Equal(t, []rules.ExportedConnector{{
		ID: "ae4db4cc-b16b-4eb2-acf5-837ca84e4d7d", Name: "corp.example", Type: "AD", Attributes: []string{"mail", "member"},
		Partitions: []rules.ExportedPartition{{
			ID: "dc4c27db-d13d-460a-9a82-c48aba1ee815", DN: "DC=corp,DC=example", Name: "corp.example", Selected: true,
			Inclusions: []string{"OU=Staff,DC=corp,DC=example"}, Exclusions: []string{"DC=corp,DC=example"}, Classes: []string{"user", "group"},
			Parameters: rules.MapParameters{"Domain.Netbios": "CORP"},
		}},
		Schema: rules.ConnectorSchema{
			Name: "corp.example", Classes: []string{"group", "user"},
			Attributes: []rules.MetaverseAttribute{{Name: "mail", Kind: attr.KindString}, {Name: "member", Kind: attr.KindReference, MultiValued: true}},
		},
		Parameters: rules.MapParameters{"Forest.FQDN": "corp.example", "Own.Map": "a:b"},
	}}, e.Connectors)
	require.False(t, e.Connectors[0].IsEntra())
	require.Equal(t, map[string]string{"Microsoft.Synchronize.StagingMode": "False"}, e.Settings)
	require.Equal(t, []string{"person"}, e.Metaverse.Classes)
	title, _ := e.Metaverse.Attribute("title")
	require.Equal(t, rules.MetaverseAttribute{Name: "title", Kind: attr.KindString, Indexed: true}, *title)
	require.Equal(t, []string{"Own.Map"}, e.File().Parameters)
	set, err := rules.Compile(e.Rules, e.CompileOptions())
	require.NoError(t, err)
	require.Len(t, set.Rules(), 1)
}

func TestExportReportsWhatItIgnores(t *testing.T) {
	t.Parallel()
	e, err := rules.ReadExport(exampleExport())
	require.NoError(t, err)
	found := make(map[string]string)
	for _, i := range e.Ignored {
		require.NotContains(t, i.String(), "hunter2")
		require.NotContains(t, i.String(), "secretive")
		found[i.Path] = i.Reason
	}
	for path, reason := range map[string]string{
		".":                                     "no XML file",
		"synchronizationRule/novelty":           "not known",
		"synchronizationRule/precedence-before": "precedence is a number",
		"saved-ma-configuration/ma-data/private-configuration/adma-configuration/parameter-values/parameter": "how to connect",
		"saved-ma-configuration/ma-data/private-configuration/adma-configuration/forest-login-user":          "how to connect",
		"saved-ma-configuration/ma-data/ma-run-data":                                                         "scheduler",
		"saved-mv-configuration/mv-data/parameter-values/parameter":                                          "how to connect",
	} {
		require.Contains(t, found[path], reason, path)
	}
	require.NotContains(t, found, "synchronizationRule/precedence-after")
}

func TestExportErrorsNameThePlace(t *testing.T) {
	t.Parallel()
	const file = "SynchronizationRules/Rule_{0b088913}.xml"
	replace := func(old, with string) string { return strings.Replace(ruleXML, old, with, 1) }
	tests := []struct{ name, src, want string }{
		{"cut off", ruleXML[:500], file + ":13: unexpected EOF"},
		{"not XML", "hello", "there is no element"},
		{"document type", replace("<synchronizationRule>", "<!DOCTYPE x [<!ENTITY a 'b'>]><synchronizationRule>"), "document types and entities are not taken"},
		{"entity", replace(">d<", ">&a;<"), "invalid character entity"},
		{"encoding", replace("utf-16", "ebcdic"), `encoding "ebcdic" is not taken`},
		{"deep", strings.Repeat("<a>", 100), "too deeply nested"},
		{"direction", replace("Inbound", "Up"), file + `:9: rule "In from AD - Example": unknown direction "Up"`},
		{"link", replace("Provision", "Glue"), "unknown link type"},
		{"precedence", replace(">100<", ">soon<"), ":15: rule"},
		{"bool", replace(">False<", ">Perhaps<"), `"Perhaps" is neither True nor False`},
		{"interval", replace("1.02:03:04", "long"), "is no interval"},
		{"operator", replace("ISNOTNULL", "LIKE"), `unknown operator "LIKE"`},
		{"merge", replace("Replace", "Blend"), `flow title: unknown merge type "Blend"`},
		{"several sources", replace("<attr>title</attr>", "<attr>title</attr><attr>b</attr>"), "several sources and no expression"},
		{"no source", replace("<src><attr>title</attr></src>", ""), "flow title has no source"},
		{"connector", replace("ae4db4cc", "ae4db4cd"), "no connector {ae4db4cd-b16b-4eb2-acf5-837ca84e4d7d}"},
		{"no name", replace("<name>In from AD - Example</name>", ""), "no id or no name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := exampleExport()
			dir[file].Data = []byte(tt.src)
			_, err := rules.ReadExport(dir)
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := rules.ReadExport(fstest.MapFS{})
	require.ErrorContains(t, err, "no synchronisation rules")
	// All problems at once.
	dir := exampleExport()
	dir[file].Data = []byte(strings.NewReplacer("Inbound", "Up", "Provision", "Glue").Replace(ruleXML))
	_, err = rules.ReadExport(dir)
	require.ErrorContains(t, err, "Glue")
	require.ErrorContains(t, err, "Up")
}

// TestExportWithoutGlobalSettings reads an export of which only the rules are left: what the
// metaverse has is a guess then.
func TestExportWithoutGlobalSettings(t *testing.T) {
	t.Parallel()
	dir := exampleExport()
	delete(dir, "GlobalSettings/MV.xml")
	dir["SynchronizationRules/Rule_{0b088913}.xml"].Data = []byte(strings.ReplaceAll(ruleXML, "<dest>title</dest>", "<dest>ourOwn</dest>"))
	e, err := rules.ReadExport(dir)
	require.NoError(t, err)
	set, err := rules.Compile(e.Rules, e.CompileOptions())
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(set.Warnings(), func(d rules.Diagnostic) bool { return strings.Contains(d.Message, "ourOwn") }))
}

func TestExportToYAMLAndBack(t *testing.T) {
	t.Parallel()
	e, err := rules.ReadExport(exampleExport())
	require.NoError(t, err)
	out, err := rules.MarshalYAML(e.File())
	require.NoError(t, err)
	f, err := rules.ParseYAML(bytes.NewReader(out))
	require.NoError(t, err)
	require.Equal(t, e.Rules, f.Rules)
	require.Equal(t, e.Metaverse, f.Metaverse)
}

func FuzzReadExport(f *testing.F) {
	f.Add([]byte(ruleXML), []byte(connectorXML), []byte(metaverseXML))
	f.Add(utf16Bytes("\ufeff"+ruleXML, binary.LittleEndian), []byte("<ma-data/>"), []byte("<mv-data/>"))
	f.Fuzz(func(t *testing.T, rule, connector, metaverse []byte) {
		dir := fstest.MapFS{
			"SynchronizationRules/r.xml": {Data: rule}, "Connectors/c.xml": {Data: connector}, "GlobalSettings/MV.xml": {Data: metaverse},
		}
		e, err := rules.ReadExport(dir)
		if err == nil {
			_, _ = rules.Compile(e.Rules, e.CompileOptions())
		}
	})
}
