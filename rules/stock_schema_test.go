package rules_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// stockKinds are attributes of the connected directories that the metaverse has not, or
// has as something else. A trailing * marks those with several values.
var stockKinds = map[attr.Kind]string{
	attr.KindInt:       "userAccountControl groupType pwdLastSet",
	attr.KindBool:      "isCriticalSystemObject",
	attr.KindBinary:    "objectGUID mS-DS-CreatorSID",
	attr.KindReference: "memberOf*",
	attr.KindString:    "description* url* postOfficeBox*",
}

// describe returns what the connected directory's schema says about an attribute.
func (c *stockConnector) describe(set *rules.Set, name string) rules.MetaverseAttribute {
	out := rules.MetaverseAttribute{Name: name, Kind: attr.KindString}
	if c.category == "AD" {
		for kind, names := range stockKinds {
			for field := range strings.FieldsSeq(names) {
				if plain, multi := strings.CutSuffix(field, "*"); plain == name {
					out.Kind, out.MultiValued = kind, multi
					return out
				}
			}
		}
	}
	source := name
	for _, r := range set.Rules() {
		for _, f := range r.Flows {
			if r.Connector != c.name || f.Type != rules.Direct {
				continue
			}
			switch near, far := f.Target, f.Source[0]; {
			case r.Direction == rules.Outbound && near == name:
				source = far
			case r.Direction == rules.Inbound && far == name:
				source = near
			}
		}
	}
	if a, ok := set.Metaverse().Attribute(source); ok {
		out.Kind, out.MultiValued = a.Kind, a.MultiValued
	}
	return out
}

// stockSyntaxes are the names of kinds in a schema.
var stockSyntaxes = map[attr.Kind]string{
	attr.KindString: "1.3.6.1.4.1.1466.115.121.1.15", attr.KindInt: "1.3.6.1.4.1.1466.115.121.1.27", attr.KindBool: "1.3.6.1.4.1.1466.115.121.1.7",
	attr.KindBinary: "1.3.6.1.4.1.1466.115.121.1.5", attr.KindReference: "1.3.6.1.4.1.1466.115.121.1.12",
}

func schemaText(classes []string, attributes []rules.MetaverseAttribute) string {
	var b strings.Builder
	b.WriteString(`  <schema><dsml:dsml xmlns:dsml="http://www.dsml.org/DSML" xmlns:ms-dsml="http://www.microsoft.com/MMS/DSML"><dsml:directory-schema>` + "\n")
	for _, c := range classes {
		fmt.Fprintf(&b, "    <dsml:class id=%q type=\"structural\"><dsml:name>%s</dsml:name><dsml:attribute ref=\"#cn\" required=\"false\" /></dsml:class>\n", c, c)
	}
	for _, a := range attributes {
		single, indexed := "", ""
		if !a.MultiValued {
			single = ` single-value="true"`
		}
		if a.Indexed {
			indexed = ` ms-dsml:indexable="true"`
		}
		fmt.Fprintf(&b, "    <dsml:attribute-type id=%q%s%s><dsml:name>%s</dsml:name><dsml:syntax>%s</dsml:syntax></dsml:attribute-type>\n",
			a.Name, single, indexed, a.Name, stockSyntaxes[a.Kind])
	}
	b.WriteString("  </dsml:directory-schema></dsml:dsml></schema>\n")
	return b.String()
}

// stockSettings are the option keys of global settings.
var stockSettings = []string{
	"Microsoft.SynchronizationOption.AnchorAttribute=objectGUID", "Microsoft.SynchronizationOption.JoinCriteria=AlwaysProvision",
	"Microsoft.SynchronizationOption.UPNAttribute=userPrincipalName", "Microsoft.OptionalFeature.ExportDeletionThreshold=True",
	"Microsoft.OptionalFeature.ExportDeletionThresholdValue=500", "Microsoft.OptionalFeature.HybridExchange=True",
	"Microsoft.Synchronize.StagingMode=False", "Microsoft.Synchronize.TimeInterval=00:30:00", "Microsoft.AADFilter.ApplicationList=",
}

func metaverseText() string {
	m := rules.StandardMetaverse(stockOptions)
	slices.Reverse(m.Attributes) // an export has an order of its own
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<saved-mv-configuration server=\"SYNC01\" export-date=\"2020-01-02\">\n<mv-data>\n" +
		element("  ", "format-version", "1") + element("  ", "version", "7"))
	b.WriteString(schemaText(m.Classes, m.Attributes))
	b.WriteString(element("  ", "password-change-history-size", "0") + "  <parameter-values>\n")
	for _, s := range stockSettings {
		name, value, _ := strings.Cut(s, "=")
		fmt.Fprintf(&b, "    <parameter name=%q use=\"global\" dataType=\"String\">%s</parameter>\n", name, value)
	}
	b.WriteString("    <parameter name=\"Microsoft.Secret\" use=\"global\" dataType=\"String\" encrypted=\"1\">c2VjcmV0</parameter>\n" +
		"  </parameter-values>\n</mv-data>\n</saved-mv-configuration>\n")
	return b.String()
}
