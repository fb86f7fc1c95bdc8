package rules_test

import (
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// stockOptions are those of the server whose configuration the export in testdata is.
var stockOptions = rules.StandardOptions{
	AD: []rules.ADConnector{{Name: "corp.example", Exchange: true, Lync: true}}, Entra: "example.onmicrosoft.test - AAD",
	MemberLimit: stockMemberLimit, Devices: true, ExchangeHybrid: true,
}

// stockMemberLimit is the limit of older versions, where groups must stay below it.
const stockMemberLimit = 50000

// stockRules are the rules of a server: the standard ones as an older version would write
// them, and two that its administrators made, one of them disabled.
func stockRules() []rules.Rule {
	all := rules.Standard(stockOptions)
	for i := range all {
		r := &all[i]
		r.Tag = "Microsoft." + strings.NewReplacer(" ", "", "-", "").Replace(r.Name) + ".006"
		r.Flows = slices.DeleteFunc(r.Flows, func(f rules.Flow) bool { return slices.Contains(newerFlows, f.Target) })
		for k := range r.Flows {
			if f := &r.Flows[k]; f.Type == rules.Expression {
				f.Expression = stockExpression(r, f)
			}
		}
		for _, g := range r.Scope {
			for k := range g {
				if g[k].Attribute == "memberCount" {
					g[k].Operator = rules.LessThan
				}
			}
		}
	}
	return append([]rules.Rule{customRule(), disabledRule()}, all...)
}

// newerFlows came with versions later than that of the export.
var newerFlows = []string{"onPremisesDistinguishedName", "onPremisesObjectIdentifier", "employeeID", "employeeType"}

func customRule() rules.Rule {
	return rules.Rule{
		ID: "6f0f4a3e-5b0e-4f0c-8d55-0d6a4f6f7c01", Name: "In from AD - User Example Badge", Description: "Badges <of> R&D",
		Direction: rules.Inbound, Connector: stockOptions.AD[0].Name, SourceType: "user", TargetType: "person", LinkType: rules.Join,
		Precedence: 50, Scope: []rules.ScopeGroup{
			{{Attribute: "department", Operator: rules.Equal, Value: "R&D"}, {Attribute: "title", Operator: rules.IsNotNull}},
			{{Attribute: "department", Operator: rules.StartsWith, Value: "Lab "}},
		},
		Flows: []rules.Flow{
			{Target: "extensionAttribute15", Type: rules.Constant, Constant: "badge & key", Merge: rules.Update},
			{Target: "extensionAttribute14", Type: rules.Expression, Merge: rules.Update,
				Expression: "IIF(IsPresent([title]) && Len([department]) > 0,\n  UCase([title]) & \" <\" & [department] & \">\",\n  NULL)"},
		},
	}
}

func disabledRule() rules.Rule {
	return rules.Rule{
		ID: "6f0f4a3e-5b0e-4f0c-8d55-0d6a4f6f7c02", Name: "In from AD - User Hide Leavers", Direction: rules.Inbound,
		Connector: stockOptions.AD[0].Name, SourceType: "user", TargetType: "person", LinkType: rules.Join, Precedence: 51, Disabled: true,
		Scope: []rules.ScopeGroup{{{Attribute: "userAccountControl", Operator: rules.IsBitSet, Value: "2"}}},
		Flows: []rules.Flow{{Target: "cloudFiltered", Type: rules.Constant, Constant: "True", Merge: rules.Update}},
	}
}

// stockExpression returns how the server's version says what the standard rules say.
func stockExpression(r *rules.Rule, f *rules.Flow) string {
	side := stockInbound
	if r.Direction == rules.Outbound {
		side = stockOutbound
	}
	for _, s := range side {
		if attr.EqualName(s.target, f.Target) && (s.class == "" || s.class == r.SourceType) {
			return s.text
		}
	}
	return f.Expression
}

type stockText struct{ target, class, text string }

const (
	stockConflict = `CBool(InStr(DNComponent(CRef([dn]),1),"\\0ACNF:")>0)`

	stockUserFiltered = `IIF(IsPresent([isCriticalSystemObject]), True,
  IIF(IsPresent([sAMAccountName]),
    Switch(
      Left([sAMAccountName],5)="MSOL_" || Left([sAMAccountName],4)="AAD_", True,
      [sAMAccountName]="SUPPORT_388945a0", True,
      Left([sAMAccountName],4)="CAS_" && (InStr([sAMAccountName],"}")>0), True,
      Left([mailNickname],4)="CAS_" && (InStr([mailNickname],"}")>0), True,
      Left([mailNickname],14)="SystemMailbox{", True,
      CBool(IIF(IsPresent([msExchRecipientTypeDetails]),BitAnd([msExchRecipientTypeDetails],&H21C07000)>0,False)), True,
      ` + stockConflict + `, True,
      True, NULL),
    True))`

	stockGuard = `IIF(IsPresent([cloudSourceAnchor]),
  IIF(InStr([cloudAnchor],"_")>0 && Left([cloudAnchor],InStr([cloudAnchor],"_")-1)<>[sourceObjectType], [sourceAnchor],
    IIF([cloudSourceAnchor]=[sourceAnchor],[sourceAnchor],Error("SourceAnchor attribute has changed."))),
  [sourceAnchor])`
)

var stockInbound = []stockText{
	{"cloudFiltered", "user", stockUserFiltered},
	{"cloudFiltered", "inetOrgPerson", stockUserFiltered},
	{"cloudFiltered", "contact", `IIF(IsPresent([isCriticalSystemObject]) || (Contains([displayName],"(MSOL)")>0 && CBool([msExchHideFromAddressLists])) ||
  (Left([mailNickname],4)="CAS_" && (InStr([mailNickname],"}")>0)) || ` + stockConflict + `, True, NULL)`},
	{"cloudFiltered", "group", `IIF(IsPresent([isCriticalSystemObject]) || [sAMAccountName]="MSOL_AD_Sync_RichCoexistence" ||
  CBool(IIF(IsPresent([msExchRecipientTypeDetails]),BitAnd([msExchRecipientTypeDetails],&H40000000)>0,NULL)) || ` + stockConflict + `, True, NULL)`},
	{"accountEnabled", "user", `IIF(IsPresent([userAccountControl]),IIF(BitAnd([userAccountControl],2)=0,True,False),NULL)`},
	{"sourceAnchor", "user", `IIF([msExchRecipientTypeDetails]=2,NULL,IIF(IsString([objectGUID]),CStr([objectGUID]),ConvertToBase64([objectGUID])))`},
	{"sourceAnchor", "", `IIF(IsString([objectGUID]),CStr([objectGUID]),ConvertToBase64([objectGUID]))`},
	{"userPrincipalName", "", `IIF(IsPresent([userPrincipalName]),[userPrincipalName],IIF(IsPresent([sAMAccountName]),([sAMAccountName]&"@"&%Domain.FQDN%),Error("AccountName is not present")))`},
	{"securityEnabled", "group", `IIF(IsPresent([groupType]),IIF(BitOr([groupType],&H80000000)=[groupType],True,False),NULL)`},
	{"objectSidString", "", `StringFromSid([objectSid])`},
	{"description", "", `IIF(IsPresent([description]),Left(Trim(Item([description],1)),448),NULL)`},
	{"info", "", `Left(Trim([info]),448)`},
	{"displayName", "", `IIF(IsNullOrEmpty([displayName]),[cn],[displayName])`},
	{"mailEnabled", "", `IIF(IsPresent([proxyAddresses]) && (Contains([proxyAddresses],"SMTP:",CaseSensitive)>0) && (InStr(Item([proxyAddresses],Contains([proxyAddresses],"SMTP:")),"@")>0),
  True, IIF(IsPresent([mail]) && (InStr([mail],"@")>0), True, False))`},
}

var stockOutbound = []stockText{
	{"sourceAnchor", "person", stockGuard},
	{"sourceAnchor", "group", stockGuard},
	{"usageLocation", "", `IIF(IsNullOrEmpty([usageLocation]),IgnoreThisFlow,[usageLocation])`},
	{"countryCode", "", `IIF(IsPresent([countryCode]),[countryCode],IgnoreThisFlow)`},
	{"member", "group", `IIF(([memberCount]>50000),Error("Maximum Group member count exceeded"),IgnoreThisFlow)`},
}
