package rules_test

import (
	"encoding/binary"
	"fmt"
	"html"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// stockExport writes the files of the export: one for each rule, connector and the
// metaverse, in the encodings in which such files are met.
func stockExport(t *testing.T) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	all := stockRules()
	set, err := rules.Compile(all, nil)
	require.NoError(t, err)
	forms := []string{"UTF-8", "UTF-8 with mark", "UTF-16LE with mark", "UTF-8 with CRLF"}
	for i := range all {
		r := &all[i]
		files["SynchronizationRules/SynchronizationRule_{"+r.ID+"}.xml"] = encodings[forms[i%len(forms)]](ruleText(t, r, i))
	}
	for i, c := range stockConnectors {
		files["Connectors/Connector_{"+c.id+"}.xml"] = encodings[forms[i+1]](c.text(set))
	}
	files["GlobalSettings/MV.xml"] = utf16Bytes("\ufeff"+metaverseText(), binary.BigEndian)
	return files
}

// escaped escapes text for XML. Line ends are kept.
func escaped(s string) string { return strings.ReplaceAll(html.EscapeString(s), "&#34;", "&quot;") }

// element writes an element with text.
func element(indent, name, text string) string {
	if text == "" {
		return indent + "<" + name + " />\n"
	}
	return indent + "<" + name + ">" + escaped(text) + "</" + name + ">\n"
}

// ruleText writes one rule. Every third one has its expressions escaped twice, as some
// versions do.
func ruleText(t *testing.T, r *rules.Rule, number int) string {
	t.Helper()
	connector := stockConnectors[slices.IndexFunc(stockConnectors, func(c stockConnector) bool { return c.name == r.Connector })]
	var b strings.Builder
	b.WriteString("<synchronizationRule>\n")
	for _, f := range [][2]string{
		{"id", "{" + r.ID + "}"}, {"internal-id", "{" + r.ID + "}"}, {"version", "1"}, {"name", r.Name}, {"description", r.Description},
		{"immutable-tag", r.Tag}, {"direction", r.Direction.String()}, {"disabled", title(r.Disabled)}, {"connector", "{" + connector.id + "}"},
		{"sourceObjectType", r.SourceType}, {"targetObjectType", r.TargetType}, {"linkType", r.LinkType.String()},
		{"precedence", fmt.Sprint(r.Precedence)}, {"precedence-after", "{00000000-0000-0000-0000-000000000000}"},
		{"precedence-before", "{00000000-0000-0000-0000-000000000000}"}, {"softDeleteExpiryInterval", "00:00:00"},
		{"EnablePasswordSync", strings.ToLower(title(r.PasswordSync))},
	} {
		b.WriteString(element("  ", f[0], f[1]))
	}
	b.WriteString("  <attribute-mappings>\n")
	for i := range r.Flows {
		mappingText(t, &b, &r.Flows[i], number%3 == 0)
	}
	b.WriteString("  </attribute-mappings>\n  <relationshipCriteria>\n")
	for _, g := range r.Join {
		b.WriteString("    <conditions>\n")
		for _, c := range g {
			b.WriteString("      <condition>\n" + element("        ", "csAttribute", c.CS) + element("        ", "ilmAttribute", c.MV))
			if c.CaseSensitive {
				b.WriteString(element("        ", "caseSensitive", "True"))
			}
			b.WriteString("      </condition>\n")
		}
		b.WriteString("    </conditions>\n")
	}
	b.WriteString("  </relationshipCriteria>\n  <synchronizationCriteria>\n")
	for _, g := range r.Scope {
		b.WriteString("    <conditions>\n")
		for _, c := range g {
			b.WriteString("      <scope>\n" + element("        ", "csAttribute", c.Attribute) +
				element("        ", "csOperator", string(c.Operator)) + element("        ", "csValue", c.Value) + "      </scope>\n")
		}
		b.WriteString("    </conditions>\n")
	}
	b.WriteString("  </synchronizationCriteria>\n</synchronizationRule>\n")
	return b.String()
}

func title(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func mappingText(t *testing.T, b *strings.Builder, f *rules.Flow, twice bool) {
	t.Helper()
	b.WriteString("    <mapping")
	if f.ExecuteOnce {
		b.WriteString(` execute-once="true"`)
	}
	b.WriteString(">\n" + element("      ", "dest", f.Target))
	sources := f.Source
	if f.Type == rules.Expression {
		p, err := expr.Compile(f.Expression, nil)
		require.NoError(t, err, f.Expression)
		sources = p.Attributes()
	}
	switch {
	case f.Type == rules.Constant:
		b.WriteString(element("      ", "src", f.Constant))
	case len(sources) == 0:
		b.WriteString("      <src />\n")
	default:
		b.WriteString("      <src>\n")
		for _, s := range sources {
			b.WriteString(element("        ", "attr", s))
		}
		b.WriteString("      </src>\n")
	}
	if f.Type == rules.Expression {
		text := f.Expression
		if twice {
			text = escaped(text)
		}
		b.WriteString(element("      ", "expression", text))
	}
	b.WriteString(element("      ", "valueMergeType", f.Merge.String()) + "    </mapping>\n")
}

// stockConnector is a connector of the export.
type stockConnector struct {
	id, name, category, subtype string
	classes                     []string
}

var stockConnectors = []stockConnector{
	{"3b4c5d6e-0f1a-4b2c-8d3e-4f5a6b7c8d9e", stockOptions.AD[0].Name, "AD", "",
		[]string{"user", "inetOrgPerson", "group", "contact", "foreignSecurityPrincipal", "computer", "container", "organizationalUnit", "domainDNS"}},
	{"b891884f-051e-4a83-95af-2544101c9083", stockOptions.Entra, "Extensible2", "Windows Azure Active Directory (Microsoft)",
		[]string{"user", "contact", "group", "device"}},
}

// text writes the connector with what an export says besides: how it connects, what it
// runs, secrets.
func (c *stockConnector) text(set *rules.Set) string {
	names := slices.Concat(set.ImportAttributes(c.name), set.ExportAttributes(c.name))
	slices.SortFunc(names, attr.CompareNames)
	names = slices.CompactFunc(names, attr.EqualName)
	names = slices.DeleteFunc(names, func(n string) bool { return n == "dn" })
	var b strings.Builder
	b.WriteString("<ma-data>\n" + element("  ", "format-version", "1") + element("  ", "id", "{"+strings.ToUpper(c.id)+"}") +
		element("  ", "name", c.name) + element("  ", "category", c.category) + element("  ", "subtype", c.subtype) +
		element("  ", "password-sync-allowed", "1"))
	attributes := make([]rules.MetaverseAttribute, len(names))
	for i, n := range names {
		attributes[i] = c.describe(set, n)
	}
	b.WriteString(schemaText(c.classes, attributes))
	b.WriteString("  <attribute-inclusion>\n")
	for _, n := range names {
		b.WriteString(element("    ", "attribute", n))
	}
	b.WriteString("  </attribute-inclusion>\n" + c.configuration() + "  <ma-partition-data>\n    <partition>\n" +
		element("      ", "id", "{DC4C27DB-D13D-460A-9A82-C48ABA1EE815}"))
	if c.category == "AD" {
		b.WriteString(element("      ", "name", "DC=corp,DC=example") + element("      ", "display-name", c.name))
	} else {
		b.WriteString(element("      ", "name", "default") + element("      ", "display-name", "default"))
	}
	b.WriteString(element("      ", "selected", "1") + "      <filter>\n        <object-classes>\n")
	for _, class := range c.classes {
		b.WriteString(element("          ", "object-class", class))
	}
	b.WriteString("        </object-classes>\n        <containers>\n")
	if c.category == "AD" {
		b.WriteString("          <exclusions>\n" + element("            ", "exclusion", "OU=Old,DC=corp,DC=example") + "          </exclusions>\n" +
			"          <inclusions>\n" + element("            ", "inclusion", "DC=corp,DC=example") + "          </inclusions>\n")
	}
	b.WriteString("        </containers>\n      </filter>\n" + c.partitionParameters() + `    </partition>
  </ma-partition-data>
  <ma-run-data>
    <run-configuration><id>{A02F9DF1-3989-4059-B509-29DB04AD694B}</id><name>Full Import</name><version>1</version></run-configuration>
  </ma-run-data>
  <password-sync><maximum-retry-count>10</maximum-retry-count></password-sync>
  <encrypted-attributes />
</ma-data>
`)
	return b.String()
}

func (c *stockConnector) configuration() string {
	if c.category != "AD" {
		return `  <private-configuration>
    <MAConfig>
      <parameter-values>
        <parameter name="UserName" use="connectivity" dataType="String">sync@example.onmicrosoft.test</parameter>
        <parameter name="Password" use="connectivity" dataType="String" encrypted="1" />
        <parameter name="SupportedFeatures" use="global" dataType="String">none</parameter>
      </parameter-values>
    </MAConfig>
  </private-configuration>
`
	}
	return `  <private-configuration>
    <adma-configuration>
      <forest-name>corp.example</forest-name>
      <forest-login-user>svc-sync</forest-login-user>
      <parameter-values>
        <parameter name="forest-login-user" use="connectivity" dataType="String">svc-sync</parameter>
        <parameter name="Forest.FQDN" use="global" dataType="String" intrinsic="1">corp.example</parameter>
        <parameter name="Forest.LDAP" use="global" dataType="String" intrinsic="1">DC=corp,DC=example</parameter>
        <parameter name="Forest.Netbios" use="global" dataType="String" intrinsic="1">CORP</parameter>
        <parameter name="Connector.GroupFilteringGroupDn" use="global" dataType="String" />
      </parameter-values>
    </adma-configuration>
  </private-configuration>
`
}

func (c *stockConnector) partitionParameters() string {
	if c.category != "AD" {
		return "      <parameter-values />\n"
	}
	return `      <parameter-values>
        <parameter name="Domain.FQDN" use="partition" dataType="String" intrinsic="1">corp.example</parameter>
        <parameter name="Domain.LDAP" use="partition" dataType="String" intrinsic="1">DC=corp,DC=example</parameter>
        <parameter name="Domain.Netbios" use="partition" dataType="String" intrinsic="1">CORP</parameter>
      </parameter-values>
`
}
