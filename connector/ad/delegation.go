package ad

import (
	"fmt"
	"strings"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// A Delegation is one permission that a feature needs: what one entry in the access control
// list of one object gives.
type Delegation struct {
	Feature Feature // "" for plain reading
	On      string  // DN of the object that carries the entry
	Rights  secdesc.Mask
	// About names the attribute, the extended right or the class of children that the
	// rights are to; "" means everything.
	About string
	// Class is the class of the objects beneath that inherit the entry; "" means that it
	// is for the object alone.
	Class string

	about, class secdesc.GUID
	deleted      bool         // On is a container of deleted objects
	reads        []*attribute // for plain reading: what has to be readable
}

// An extendedRight is a right that is no right to an attribute.
type extendedRight struct {
	id   secdesc.GUID
	name string // as dsacls has it
}

var (
	getChanges    = extendedRight{secdesc.MustGUID("1131f6aa-9c07-11d1-f79f-00c04fc2dcd2"), "Replicating Directory Changes"}
	getChangesAll = extendedRight{secdesc.MustGUID("1131f6ad-9c07-11d1-f79f-00c04fc2dcd2"), "Replicating Directory Changes All"}
	resetPassword = extendedRight{secdesc.MustGUID("00299570-246d-11d0-a768-00aa006e0529"), "Reset Password"}
	unexpire      = extendedRight{secdesc.MustGUID("ccc2dc7d-a6ad-4a7a-8846-c04e3cc53501"), "Unexpire Password"}
)

// String says in words what the permission is.
func (d Delegation) String() string {
	what := d.About
	if what == "" {
		what = "all properties"
	}
	var verb string
	switch d.Rights {
	case secdesc.ControlAccess:
		verb = what
	case secdesc.CreateChild | secdesc.DeleteChild:
		verb = "create and delete objects of class " + what
	case listing:
		verb = "list objects"
	case secdesc.ReadProperty:
		verb = "read " + what
	case secdesc.WriteProperty:
		verb = "write " + what
	default:
		verb = "read and write " + what
	}
	if d.Class == "" {
		return verb + " on " + d.On
	}
	return fmt.Sprintf("%s of %s objects beneath %s", verb, d.Class, d.On)
}

// ACE returns the entry for an account.
func (d Delegation) ACE(account secdesc.SID) secdesc.ACE {
	a := secdesc.ACE{Kind: secdesc.Allow, Mask: d.Rights, ObjectType: d.about, InheritedObjectType: d.class, SID: account}
	if !d.about.IsZero() || !d.class.IsZero() {
		a.Kind = secdesc.AllowObject
	}
	if d.Class != "" {
		a.Flags = secdesc.ContainerInherit | secdesc.InheritOnly
	}
	return a
}

// dsaclsRights are the names of rights in the arguments of dsacls.
var dsaclsRights = [...]struct {
	mask secdesc.Mask
	name string
}{
	{secdesc.CreateChild, "CC"}, {secdesc.DeleteChild, "DC"}, {secdesc.ListContents, "LC"}, {secdesc.ReadProperty, "RP"}, {secdesc.WriteProperty, "WP"}, {secdesc.ControlAccess, "CA"},
}

// DSACLS returns the command that gives an account, such as CONTOSO\svc-sync, the
// permission. It is to be run by an administrator of the domain.
func (d Delegation) DSACLS(account string) string {
	var rights strings.Builder
	for _, r := range dsaclsRights {
		if d.Rights.Has(r.mask) {
			rights.WriteString(r.name)
		}
	}
	grant := account + ":" + rights.String()
	if d.About != "" || d.Class != "" {
		grant += ";" + d.About
	}
	inherit := ""
	if d.Class != "" {
		grant += ";" + d.Class
		inherit = " /I:S"
	}
	command := fmt.Sprintf("dsacls %s%s /G %s", shellQuote(d.On), inherit, shellQuote(grant))
	if d.deleted { // whose permissions nobody but the system may change otherwise
		command = fmt.Sprintf("dsacls %s /takeownership && %s", shellQuote(d.On), command)
	}
	return command
}

// shellQuote quotes an argument for Windows' command line. A DN with a quotation mark in it
// escapes that as \", as the command line does.
func shellQuote(text string) string {
	return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"`
}

// adSyncCommands are the commands of Entra Connect's module ADSyncConfig. Some give more
// than the delegations of this package.
var adSyncCommands = map[Feature]string{
	"":                     "Set-ADSyncBasicReadPermissions",
	FeatureDelta:           "Set-ADSyncBasicReadPermissions",
	FeaturePasswordHash:    "Set-ADSyncPasswordHashSyncPermissions",
	FeatureConsistencyGUID: "Set-ADSyncMsDsConsistencyGuidPermissions",
	FeatureExchangeHybrid:  "Set-ADSyncExchangeHybridPermissions",
	FeaturePasswordReset:   "Set-ADSyncPasswordWritebackPermissions",
	FeatureGroups:          "Set-ADSyncUnifiedGroupWritebackPermissions",
}

// PowerShell returns the command of Entra Connect's module ADSyncConfig for the feature,
// "" where there is none. It may give more than the feature needs.
func (d Delegation) PowerShell(name, domain string) string {
	command, ok := adSyncCommands[d.Feature]
	if !ok || d.deleted {
		return ""
	}
	line := fmt.Sprintf("%s -ADConnectorAccountName %s -ADConnectorAccountDomain %s", command, psQuote(name), psQuote(domain))
	if d.Class != "" {
		line += " -ADobjectDN " + psQuote(d.On)
	}
	return line
}

func psQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// granted reports whether access to an object gives the permission. For plain reading it
// names what cannot be read.
func (d Delegation) granted(a *secdesc.Access) (ok bool, missing []string) {
	switch {
	case d.Rights == secdesc.ControlAccess:
		return a.Control(d.about), nil
	case d.reads != nil:
		for _, r := range d.reads {
			if !a.Of(r.id).Has(secdesc.ReadProperty) || r.confidential && !a.Control(r.id) {
				missing = append(missing, r.name)
			}
		}
		return missing == nil, missing
	case d.About != "":
		return a.Of(d.about).Has(d.Rights), nil
	}
	return a.Whole().Has(d.Rights), nil
}
