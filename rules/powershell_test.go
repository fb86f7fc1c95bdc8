package rules_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/rules"
)

const exampleScript = "<# exported\n by hand #>\nImport-Module ADSync\n" + `[int] $p = 88 # free
New-ADSyncRule  ` + "`" + `
-Name 'In from AD - Bob''s rule' ` + "` " + `
-Identifier '{9D41063C-1713-425F-B097-CAC31120AC0E}' ` + "`\r" + `
-Description '' ` + "`" + `
-Direction 'Inbound' ` + "`" + `
-Precedence $p ` + "`" + `
-PrecedenceAfter '00000000-0000-0000-0000-000000000000' ` + "`" + `
-PrecedenceBefore '9d41063c-1713-425f-b097-cac31120ac0f' ` + "`" + `
-SourceObjectType 'user' ` + "`" + `
-TargetObjectType 'person' ` + "`" + `
-Connector '4f1cdd9e-00fa-4379-be83-4cf471f7c829' ` + "`" + `
-LinkType 'Join' ` + "`" + `
-SoftDeleteExpiryInterval 0 ` + "`" + `
-ImmutableTag '' ` + "`" + `
-EnablePasswordSync ` + "`" + `
-OutVariable syncRule


Add-ADSyncAttributeFlowMapping -SynchronizationRule $syncRule[0] -Source @('mail') -Destination 'mail' -FlowType 'Direct' -ValueMergeType 'Update' -OutVariable syncRule
Add-ADSyncAttributeFlowMapping -SynchronizationRule $syncRule[0] -Source @('true') -Destination 'cloudFiltered' -FlowType 'Constant' -ValueMergeType 'Update' -ExecuteOnce -OutVariable syncRule
Add-ADSyncAttributeFlowMapping -SynchronizationRule $syncRule[0] -Source @('a','b') -Destination 'title' ` + "`" + `
 -FlowType 'Expression' -ValueMergeType 'Merge' -Expression 'IIF([a] = "it''s $x",
   "y", NULL)' -OutVariable syncRule

New-Object -TypeName 'Microsoft.IdentityManagement.PowerShell.ObjectModel.ScopeCondition' -ArgumentList 'department','','ISNULL' -OutVariable condition0
New-Object -TypeName 'Microsoft.IdentityManagement.PowerShell.ObjectModel.ScopeCondition' -ArgumentList "l","Rome ` + "`\"x`\"" + `",'EQUAL' -OutVariable condition1
Add-ADSyncScopeConditionGroup -SynchronizationRule $syncRule[0] -ScopeConditions @($condition0[0],$condition1[0]) -OutVariable syncRule
New-Object -TypeName 'Microsoft.IdentityManagement.PowerShell.ObjectModel.JoinCondition' -ArgumentList 'mail','mail',$true -OutVariable condition0
Add-ADSyncJoinConditionGroup -SynchronizationRule $syncRule[0] -JoinConditions @($condition0[0]) -OutVariable syncRule

Add-ADSyncRule -SynchronizationRule $syncRule[0]

Get-ADSyncRule -Identifier '9d41063c-1713-425f-b097-cac31120ac0e'
`

func TestParsePowerShell(t *testing.T) {
	t.Parallel()
	s, err := rules.ParsePowerShell(strings.NewReader(exampleScript), "rule.ps1")
	require.NoError(t, err)
	require.Equal(t, []rules.Rule{{
		ID: "9d41063c-1713-425f-b097-cac31120ac0e", Name: "In from AD - Bob's rule", Direction: rules.Inbound,
		Connector: "4f1cdd9e-00fa-4379-be83-4cf471f7c829", SourceType: "user", TargetType: "person", LinkType: rules.Join,
		Precedence: 88, PasswordSync: true,
		Scope: []rules.ScopeGroup{{
			{Attribute: "department", Operator: rules.IsNull}, {Attribute: "l", Operator: rules.Equal, Value: `Rome "x"`},
		}},
		Join: []rules.JoinGroup{{{CS: "mail", MV: "mail", CaseSensitive: true}}},
		Flows: []rules.Flow{
			{Target: "mail", Type: rules.Direct, Source: []string{"mail"}, Merge: rules.Update},
			{Target: "cloudFiltered", Type: rules.Constant, Constant: "true", ExecuteOnce: true, Merge: rules.Update},
			{Target: "title", Type: rules.Expression, Source: []string{"a", "b"}, Merge: rules.Merge,
				Expression: "IIF([a] = \"it's $x\",\n   \"y\", NULL)"},
		},
	}}, s.Rules)
	var ignored []string
	for _, i := range s.Ignored {
		ignored = append(ignored, i.Path)
	}
	require.Equal(t, []string{"Import-Module", "New-ADSyncRule -PrecedenceBefore", "Get-ADSyncRule"}, ignored)
}

func TestPowerShellErrorsNameTheLine(t *testing.T) {
	t.Parallel()
	replace := func(old, with string) string { return strings.Replace(exampleScript, old, with, 1) }
	tests := []struct{ name, src, want string }{
		{"nothing", "# empty", "adds no rules"},
		{"never added", replace("Add-ADSyncRule -Sync", "Remove-ADSyncRule -Sync"), `rule.ps1:5: rule "In from AD - Bob's rule" is never added`},
		{"computed", replace("$p = 88", "$p = Read-Host"), "rule.ps1:5: New-ADSyncRule: -Precedence: the value of $p is not known"},
		{"interpolated", replace("'Inbound'", `"In$bound"`), "rule.ps1:9: text with variables"},
		{"unknown direction", replace("'Inbound'", "'Up'"), `unknown direction "Up"`},
		{"unknown operator", replace("'ISNULL'", "'NIL'"), `unknown operator "NIL"`},
		{"unknown object", replace("ObjectModel.ScopeCondition", "ObjectModel.Other"), "is not known"},
		{"open text", "New-ADSyncRule -Name 'x", "does not end"},
		{"open bracket", "New-ADSyncRule -Name @('x'", "not closed"},
		{"open comment", "<# x", "does not end"},
		{"other element", replace("$syncRule[0]", "$syncRule[1]"), "only element 0"},
		{"flow of no rule", "Add-ADSyncAttributeFlowMapping -SynchronizationRule $x -FlowType Direct", "$x is no rule"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := rules.ParsePowerShell(strings.NewReader(tt.src), "rule.ps1")
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestPowerShellHereStrings(t *testing.T) {
	t.Parallel()
	src := strings.Replace(exampleScript, "'IIF([a] = \"it''s $x\",\n   \"y\", NULL)'", "@'\nIIF([a] = \"it's $x\",\n \"y\", NULL)\n'@", 1)
	s, err := rules.ParsePowerShell(strings.NewReader(src), "rule.ps1")
	require.NoError(t, err)
	require.Equal(t, "IIF([a] = \"it's $x\",\n \"y\", NULL)", s.Rules[0].Flows[2].Expression)
}

func FuzzParsePowerShell(f *testing.F) {
	f.Add(exampleScript)
	f.Add("New-ADSyncRule -Name @('a',\"b`n\"), $c[0] ; $x = @'\nq\n'@")
	f.Fuzz(func(t *testing.T, src string) {
		s, err := rules.ParsePowerShell(strings.NewReader(src), "fuzz")
		if err == nil {
			require.NotEmpty(t, s.Rules)
		}
	})
}
