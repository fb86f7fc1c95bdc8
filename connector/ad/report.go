package ad

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Report is what [Preflight] found about the permissions of a connector's account.
type Report struct {
	Account string // DN
	SID     secdesc.SID
	// Refused names what makes the account too powerful for a connector, Warned what makes
	// it more powerful than it should be.
	Refused, Warned []string
	// Verdicts are about every permission that is needed.
	Verdicts []Verdict
	// Unlisted are containers whose content the account may not list.
	Unlisted []string

	allowed     bool   // Options.AllowAdministrator
	downLevel   string // CONTOSO\svc-sync
	name, realm string // svc-sync, contoso.com
}

// Preflight finds out, before anything is imported, which permissions the account of a
// connector needs for its uses and which it lacks: by the access check over the security
// descriptors of domains, containers and a sample of objects, confirmed by the domain
// controller where that tells. reads names attributes that have to be readable. Nothing is
// changed.
func Preflight(ctx context.Context, d *Directory, uses Uses, reads ...string) (*Report, error) {
	s, err := d.open(ctx, connector.OpenOptions{}, nil)
	if err != nil {
		return nil, d.failure("preflight", err)
	}
	defer s.Close(ctx)
	r, err := s.report(ctx, s.main, uses, reads)
	return r, d.failure("preflight", err)
}

func (s *session) report(ctx context.Context, l *link, uses Uses, reads []string) (*Report, error) {
	me, err := l.whoAmI(ctx, s.d.opts.BindName, s.parts)
	if err != nil {
		return nil, err
	}
	r := &Report{Account: me.dn, SID: me.sid, allowed: s.d.opts.AllowAdministrator}
	r.nameAccount(me, s.parts)
	r.Refused, r.Warned = me.privileges()
	readable, err := s.readable(reads)
	if err != nil {
		return nil, err
	}
	needed, err := s.needed(ctx, l, uses, readable)
	if err != nil {
		return nil, err
	}
	a := s.newAudit(l, me)
	for _, d := range needed {
		v, err := a.judge(ctx, d)
		if err != nil {
			return nil, err
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	r.Unlisted, err = a.unlisted(ctx)
	return r, err
}

// nameAccount keeps the names by which commands know the account.
func (r *Report) nameAccount(me *identity, parts []partition) {
	r.name, r.downLevel = me.name, me.name
	for _, p := range parts {
		if within(me.dn, p.dn) {
			r.realm = p.fqdn
			if p.netbios != "" {
				r.downLevel = p.netbios + `\` + me.name
			}
		}
	}
}

// readable are the attributes to check for reading.
func (s *session) readable(names []string) ([]*attribute, error) {
	var out []*attribute
	for _, n := range names {
		a := s.plan.schema.attribute(n)
		if a == nil || a.constructed || a.backLink || a.hidden() || a.secret() || a.id.IsZero() || slices.Contains(out, a) {
			continue
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *attribute) int { return attr.CompareNames(a.name, b.name) })
	return out, nil
}

// unlisted finds containers in scope of which the account sees nothing though something
// is or may be there. A missing right to read gives no error, only silence.
func (a *audit) unlisted(ctx context.Context) ([]string, error) {
	var out []string
	for _, p := range a.s.parts {
		for _, base := range a.s.scope.bases(p) {
			containers, err := a.beneath(ctx, base)
			if err != nil {
				return nil, err
			}
			for _, c := range containers {
				if slices.ContainsFunc(out, func(up string) bool { return within(c.dn, up) }) {
					continue
				}
				blocked, err := a.blocked(ctx, c)
				if err != nil {
					return nil, err
				}
				if blocked {
					out = append(out, c.dn)
				}
			}
		}
	}
	return out, nil
}

func (a *audit) blocked(ctx context.Context, c subject) (bool, error) {
	if c.sd != nil {
		access := c.sd.Evaluate(a.me.token, secdesc.Object{SID: c.sid})
		if access.Whole().Has(secdesc.ListContents) && c.children == 0 {
			return false, nil
		}
		if !access.Whole().Has(secdesc.ListContents) && !a.systemContainer(c.dn) {
			seen, err := a.anyChild(ctx, c.dn)
			return !seen, err
		}
	}
	if c.children == 0 { // not told, or none
		return false, nil
	}
	seen, err := a.anyChild(ctx, c.dn)
	return !seen, err
}

// systemContainer reports whether a container is one of the domain's own, in which there
// is nothing to import.
func (a *audit) systemContainer(dn string) bool {
	return slices.ContainsFunc(a.s.parts, func(p partition) bool { return within(dn, "CN=System,"+p.dn) })
}

func (a *audit) anyChild(ctx context.Context, dn string) (bool, error) {
	found, err := a.l.search(ctx, &ldap.SearchRequest{BaseDN: dn, Scope: ldap.ScopeSingleLevel, Filter: anything, Attributes: []string{"1.1"},
		Controls: []ldap.Control{ldap.NewControlPaging(1)}})
	if err != nil {
		return false, err
	}
	return len(found.entries) > 0, nil
}

// Commands returns what an administrator has to run to give the account a permission, as
// command lines of dsacls and of Entra Connect's PowerShell module, either of which does.
func (r *Report) Commands(d Delegation) []string {
	list := []string{d.DSACLS(r.downLevel)}
	if ps := d.PowerShell(r.name, r.realm); ps != "" {
		list = append(list, ps)
	}
	return list
}

// Findings turns the report into what a check prints. An account that lacks nothing gives
// none.
func (r *Report) Findings() []connector.Finding {
	var out []connector.Finding
	finding := func(severity connector.Severity, object, message, remedy string, commands ...string) {
		out = append(out, connector.Finding{Severity: severity, Code: connector.CodePermission, Object: object, Message: message, Remedy: remedy, Commands: commands})
	}
	if len(r.Refused) > 0 {
		severity := connector.Failure
		if r.allowed {
			severity = connector.Warning
		}
		finding(severity, r.Account, "the account has the powers of "+strings.Join(r.Refused, ", ")+
			": whoever gets hold of the connector gets hold of the forest", "use an account of its own with the permissions of a connector (hybridsync account); AllowAdministrator is for labs")
		return out // it may do everything
	}
	if len(r.Warned) > 0 {
		finding(connector.Warning, r.Account, "the account is a member of "+strings.Join(r.Warned, ", ")+", which a connector does not need", "remove it from there")
	}
	for i := range r.Verdicts {
		r.explain(&r.Verdicts[i], finding)
	}
	for _, dn := range r.Unlisted {
		finding(connector.Warning, dn, "the account sees nothing in this container; what is in it is not imported",
			"let the account list it, or exclude the container", fmt.Sprintf("dsacls %s /I:T /G %s", shellQuote(dn), shellQuote(r.downLevel+":LCRPLORC")))
	}
	return out
}

// explain turns one verdict into findings.
func (r *Report) explain(v *Verdict, finding func(connector.Severity, string, string, string, ...string)) {
	d := v.Delegation
	severity := connector.Failure
	if d.Feature == FeatureDelta || d.Feature == "" {
		severity = connector.Warning // there is another way, or it is less than all
	}
	what := d.String()
	if len(v.Attributes) > 0 {
		named := v.Attributes[:min(len(v.Attributes), sampleNamed)]
		what = fmt.Sprintf("read %s of %s objects beneath %s", strings.Join(named, ", "), d.Class, d.On)
		if more := len(v.Attributes) - len(named); more > 0 {
			what = fmt.Sprintf("%s, and %d more attributes", what, more)
		}
	}
	purpose := "reading"
	if d.Feature != "" {
		purpose = string(d.Feature)
	}
	if v.Impossible {
		finding(connector.Failure, d.On, fmt.Sprintf("objects of class %s cannot be made in this container, which is of another kind", d.About),
			"choose another container for "+string(d.Feature))
		return
	}
	switch v.State {
	case Missing:
		finding(severity, d.On, fmt.Sprintf("permission missing for %s: %s", purpose, what), "run one of these as an administrator of the domain:", r.Commands(d)...)
	case Unknown:
		if d.Feature == "" { // what cannot be read shows in other ways too
			return
		}
		finding(connector.Warning, d.On, fmt.Sprintf("cannot tell whether the account may, for %s: %s", purpose, what), "let the account read the permissions of the object (READ_CONTROL)")
	case Partial:
		for _, c := range v.Containers {
			on := d
			on.On = c
			finding(severity, c, fmt.Sprintf("permission missing for %s in a container that does not inherit it: %s", purpose, what),
				"let the container inherit permissions again, or run one of these as an administrator of the domain:", r.Commands(on)...)
		}
		for _, o := range v.Objects {
			finding(connector.Warning, o, fmt.Sprintf("permission missing for %s on this object: %s", purpose, what), "let the object inherit permissions again, or remove what denies it")
		}
	}
	if v.ProtectedCount > 0 && d.Feature != "" {
		finding(connector.Notice, strings.Join(v.Protected, "; "), fmt.Sprintf("%d protected accounts (adminCount 1), where the domain withholds what it grants elsewhere: %s", v.ProtectedCount, what),
			"nothing, if these are administrators: accounts of administrators belong outside of synchronisation; where adminCount is left over, clear it and let the object inherit again")
	}
}

func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
