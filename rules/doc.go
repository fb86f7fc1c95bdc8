// Package rules decides what becomes of an object on its way through a synchronisation:
// which objects take part, what belongs together, and which value every attribute gets. It
// understands the sync rules of Microsoft Entra Connect, and brings a standard set of its
// own.
//
// # Rules
//
// A [Rule] is plain data. It belongs to one connector and one direction: [Inbound], from
// objects of the connector space to the metaverse, or [Outbound], the other way. It says
//
//   - in whose Scope an object must be for the rule to apply,
//   - how to Join it to an object of the other side, and, by its LinkType, whether to make
//     one where there is none,
//   - and by Flows which attributes get which values: those of another attribute
//     ([Direct]), a fixed one ([Constant]) or what an [Expression] says. Package
//     [github.com/hybridsync/hybridsync/rules/expr] has the language.
//
// Rules come as Go values, as YAML ([ParseYAML], [MarshalYAML], [JSONSchema]), from the
// configuration export of an Entra Connect server ([ReadExport]), from the PowerShell text
// that its rules editor exports ([ParsePowerShell]), or from [Standard].
//
// # Sets
//
// [Compile] turns rules into a [Set]. It reports everything that is wrong at once; what is
// merely odd is in [Set.Warnings]. A set is immutable and safe for concurrent use.
// Evaluation reads nothing but its arguments:
//
//	scope, err := set.InScope(ctx, rules.Inbound, "corp", &subject)
//	decision := set.Inbound(ctx, "person", contributions, prior, now)
//
// and likewise with [Set.Outbound]. [Set.ExplainInbound] and [Set.ExplainOutbound] tell in
// addition why: every rule's scope, every flow's outcome. [Diff] compares two sets of
// rules by meaning.
//
// # Who wins
//
// For each target attribute the flows of all rules in scope, of all contributing objects,
// are asked in order of Precedence, lower numbers first:
//
//   - A value wins, and nobody further down is asked. NULL, an absent source and empty text
//     are no value: the next flow is asked. If none has one the attribute has no value.
//   - AuthoritativeNull ends the search: the attribute has no value.
//   - IgnoreThisFlow is as if the flow did not exist. Where all flows say so the attribute
//     stays as it is. Flows with ExecuteOnce say so unless the target is being made.
//   - With [Merge] and [MergeCaseInsensitive] the values of all flows are taken. Of values
//     that are the same the first stays, so that of spellings that differ in case the one
//     of the highest precedence survives. Outbound, merging adds to what the target has
//     and takes nothing away: rules of Entra Connect that write a single address into
//     proxyAddresses count on that.
//
// Direct flows of reference attributes yield a [Copy] instead of values, so that a group's
// members are never loaded to decide about the group.
//
// # Scope
//
// Where Microsoft's documents are silent, this is what the operators do. Text is compared
// without regard to case. Numbers are compared as numbers, with text that is a number, too;
// booleans are written True and False, in any case, or 1 and 0; binaries in Base64 or, for
// 16 octets, as a GUID. An operator holds for an attribute with several values if it holds
// for one of them. Every negated operator, ISBITNOTSET and ISNOTMEMBEROF included, holds
// exactly when the plain one does not, and so for absent attributes. ISBITSET holds if any
// bit of the mask is set. ISMEMBEROF looks at direct members only; see
// [Set.MemberGroups].
//
// # Errors
//
// A flow that fails is in [Decision].Errors as a *[FlowError] with rule, attribute and a
// code that administrators of Entra Connect know. Error texts hold no attribute values, but
// for what a rule itself says through the function Error.
package rules
