// Command rulelab checks, tries out and compares synchronisation rules: Entra Connect's
// exported configuration, YAML files, and the standard rule set. It connects to nothing.
//
//	rulelab lint PATH                       what is wrong with these rules?
//	rulelab eval [-attrs F] [-params F] X   what does this expression give?
//	rulelab eval -lines                     the same for a stream of JSON lines
//	rulelab simulate -rules P -scenario F   what would they do to these directories?
//	rulelab explain -rules P -scenario F [OBJECT...]   and why?
//	rulelab diff A B                        how do two rule sets differ in meaning?
//	rulelab convert EXPORTDIR -o FILE       write an export as YAML
//
// PATH is the directory of a server configuration export, a YAML file, what the Sync Rules
// Editor exports as PowerShell (.ps1), or the word standard. Output is stable: it depends on the input alone. The README describes the JSON.
package main
