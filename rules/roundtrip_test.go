package rules_test

import (
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// exportOf writes rules in the format of Entra Connect's configuration export: one file
// for each rule, in UTF-16 with CRLF every other time.
func exportOf(rs []rules.Rule, metaverse *rules.MetaverseSchema, connectors map[string]string) fstest.MapFS {
	dir := fstest.MapFS{}
	for name, id := range connectors {
		dir["Connectors/Connector_{"+id+"}.xml"] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"<ma-data><id>{%s}</id><name>%s</name><category>AD</category></ma-data>", strings.ToUpper(id), escape(name))}
	}
	dir["GlobalSettings/MV.xml"] = &fstest.MapFile{Data: []byte(metaverseExport(metaverse))}
	for i := range rs {
		src := ruleExport(&rs[i], connectors[rs[i].Connector])
		data := []byte(src)
		if i%2 == 0 {
			data = utf16Bytes("\ufeff"+strings.ReplaceAll(src, "\n", "\r\n"), binary.LittleEndian)
		}
		dir[fmt.Sprintf("SynchronizationRules/SynchronizationRule_{%s}.xml", rs[i].ID)] = &fstest.MapFile{Data: data}
	}
	return dir
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return strings.ReplaceAll(b.String(), "&#xA;", "\n")
}

func ruleExport(r *rules.Rule, connector string) string {
	var b strings.Builder
	element := func(name, text string) { fmt.Fprintf(&b, "<%s>%s</%s>\n", name, escape(text), name) }
	b.WriteString("<synchronizationRule>\n")
	element("id", "{"+r.ID+"}")
	element("internal-id", "{"+r.ID+"}")
	element("version", "1")
	element("name", r.Name)
	element("description", r.Description)
	element("immutable-tag", r.Tag)
	element("direction", r.Direction.String())
	element("disabled", fmt.Sprint(r.Disabled))
	element("connector", "{"+connector+"}")
	element("sourceObjectType", r.SourceType)
	element("targetObjectType", r.TargetType)
	element("linkType", r.LinkType.String())
	element("precedence", fmt.Sprint(r.Precedence))
	element("precedence-after", "{00000000-0000-0000-0000-000000000000}")
	element("precedence-before", "{00000000-0000-0000-0000-000000000000}")
	element("softDeleteExpiryInterval", "00:00:00")
	element("EnablePasswordSync", fmt.Sprint(r.PasswordSync))
	b.WriteString("<attribute-mappings>\n")
	for _, f := range r.Flows {
		once := ""
		if f.ExecuteOnce {
			once = ` execute-once="true"`
		}
		fmt.Fprintf(&b, "<mapping%s>\n", once)
		element("dest", f.Target)
		switch f.Type {
		case rules.Direct:
			fmt.Fprintf(&b, "<src><attr>%s</attr></src>\n", f.Source[0])
		case rules.Constant:
			element("src", f.Constant)
		case rules.Expression:
			element("expression", f.Expression)
		}
		element("valueMergeType", f.Merge.String())
		b.WriteString("</mapping>\n")
	}
	b.WriteString("</attribute-mappings>\n<relationshipCriteria>\n")
	for _, g := range r.Join {
		b.WriteString("<conditions>")
		for _, c := range g {
			b.WriteString("<condition>")
			element("csAttribute", c.CS)
			element("ilmAttribute", c.MV)
			if c.CaseSensitive {
				element("caseSensitive", "True")
			}
			b.WriteString("</condition>")
		}
		b.WriteString("</conditions>\n")
	}
	b.WriteString("</relationshipCriteria>\n<synchronizationCriteria>\n")
	for _, g := range r.Scope {
		b.WriteString("<conditions>")
		for _, c := range g {
			b.WriteString("<scope>")
			element("csAttribute", c.Attribute)
			element("csOperator", string(c.Operator))
			element("csValue", c.Value)
			b.WriteString("</scope>")
		}
		b.WriteString("</conditions>\n")
	}
	b.WriteString("</synchronizationCriteria>\n</synchronizationRule>\n")
	return b.String()
}

func metaverseExport(m *rules.MetaverseSchema) string {
	syntax := map[attr.Kind]string{
		attr.KindString: "1.3.6.1.4.1.1466.115.121.1.15", attr.KindInt: "1.3.6.1.4.1.1466.115.121.1.27", attr.KindBool: "1.3.6.1.4.1.1466.115.121.1.7",
		attr.KindBinary: "1.3.6.1.4.1.1466.115.121.1.5", attr.KindReference: "1.3.6.1.4.1.1466.115.121.1.12",
	}
	var b strings.Builder
	b.WriteString(`<saved-mv-configuration><mv-data><schema><d:dsml xmlns:d="http://www.dsml.org/DSML" xmlns:m="http://www.microsoft.com/MMS/DSML"><d:directory-schema>`)
	for _, c := range m.Classes {
		fmt.Fprintf(&b, `<d:class id="%s" type="structural"><d:name>%s</d:name></d:class>`, c, c)
	}
	for _, a := range m.Attributes {
		fmt.Fprintf(&b, `<d:attribute-type id="%s" single-value="%t" m:indexable="%t"><d:name>%s</d:name><d:syntax>%s</d:syntax></d:attribute-type>`,
			a.Name, !a.MultiValued, a.Indexed, a.Name, syntax[a.Kind])
	}
	b.WriteString(`</d:directory-schema></d:dsml></schema></mv-data></saved-mv-configuration>`)
	return b.String()
}

// A rule set that goes through Entra Connect's format, and from there through YAML, is the
// same rule set: it differs in nothing that matters and does the same to everybody.
func TestStandardRulesSurviveAnExport(t *testing.T) {
	t.Parallel()
	opts := standardVariants["everything"]
	want := rules.Standard(opts)
	connectors := map[string]string{
		"corp": "ae4db4cc-b16b-4eb2-acf5-837ca84e4d7d", "branch": "be4db4cc-b16b-4eb2-acf5-837ca84e4d7d", "cloud": "b891884f-051e-4a83-95af-2544101c9083",
	}
	e, err := rules.ReadExport(exportOf(want, rules.StandardMetaverse(opts), connectors))
	require.NoError(t, err)
	require.Empty(t, rules.Diff(want, e.Rules))
	require.Equal(t, rules.StandardMetaverse(opts), e.Metaverse)

	out, err := rules.MarshalYAML(e.File())
	require.NoError(t, err)
	f, err := rules.ParseYAML(strings.NewReader(string(out)))
	require.NoError(t, err)
	require.Equal(t, e.Rules, f.Rules)

	a := compileStandard(t, opts)
	b, err := rules.Compile(f.Rules, f.CompileOptions())
	require.NoError(t, err)
	require.Equal(t, a.Hash(), b.Hash())
	classes := map[string]string{"user": "person", "inetOrgPerson": "person", "contact": "person", "group": "group"}
	for name, p := range population {
		x, y := inbound(t, a, "corp", classes[p.object.Class], p.object), inbound(t, b, "corp", classes[p.object.Class], p.object)
		require.True(t, x.Values.Equal(&y.Values), name)
		require.Equal(t, x.Managed, y.Managed, name)
	}
}
