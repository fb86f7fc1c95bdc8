package entratest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// mangle is what the service puts before the userPrincipalName of a deleted
// user: the object id without hyphens.
func mangle(id string) string { return strings.ReplaceAll(id, "-", "") }

func unmangle(o *object) string {
	return strings.TrimPrefix(o.str("userPrincipalName"), mangle(o.id))
}

// user finds a live user by object id or userPrincipalName.
func (s *state) user(key string, now time.Time) (*object, *failure) {
	var o *object
	if isGUID(key) {
		if o = s.find(key, now); o != nil && o.kind.name != "user" {
			o = nil
		}
	} else if o = s.upns[strings.ToLower(key)]; o != nil && !seen(o, now) {
		o = nil
	}
	if o == nil {
		return nil, notFound(key)
	}
	return o, nil
}

func createUser(s *state, r *request) (*answer, *failure) {
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	k := s.cat.kind("user")
	e, f := s.parseEdit(k, ms, nil, r.srv)
	if f != nil {
		return nil, f
	}
	for _, name := range []string{"accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName"} {
		if _, ok := e.value(name); !ok {
			return nil, invalidValue(name, "The property is required.")
		}
	}
	upn := e.str("userPrincipalName")
	if s.federated(upn) && e.str("onPremisesImmutableId") == "" {
		return nil, invalidValue("onPremisesImmutableId", "The property is required for a user in a federated domain.")
	}
	if f := s.checkUser(e, nil); f != nil {
		return nil, f
	}
	o := &object{id: newGUID(), kind: k, visible: r.now.Add(r.srv.opts.ReplicationDelay)}
	vals := withProxies(k, nil, e.vals)
	if f := s.clash(o, vals); f != nil {
		return nil, f
	}
	if f := s.room(r.srv); f != nil {
		return nil, f
	}
	for _, v := range vals {
		if !v.p.is(writeOnly) {
			o.set(v.p, v.v)
		}
	}
	stamp := r.now.UTC().Format(time.RFC3339)
	o.set(k.byName["createdDateTime"], stamp)
	o.set(k.byName["lastPasswordChangeDateTime"], stamp)
	if o.str("userType") == "" {
		o.set(k.byName["userType"], "Member")
	}
	s.insert(o, r.now)
	return r.createdAnswer(o), nil
}

// createdAnswer shows a new object with its default properties.
func (r *request) createdAnswer(o *object) *answer {
	b := r.open(o.kind.set + "/$entity")
	b = appendProps(b, o, o.kind.defaults, false)
	a := jsonAnswer(http.StatusCreated, append(b, '}'))
	a.set("Location", r.srv.GraphURL+"/"+o.kind.set+"/"+o.id)
	return a
}

// open starts an object with its context.
func (r *request) open(context string) []byte {
	return appendString([]byte(`{"@odata.context":`), r.srv.GraphURL+"/$metadata#"+context)
}

func (s *state) room(srv *Server) *failure {
	if srv.opts.Quota == 0 {
		return nil
	}
	n := 0
	for _, k := range s.cat.kinds {
		if k.soft {
			n += s.live[k].len() + s.deleted[k].len()
		}
	}
	if n >= srv.opts.Quota {
		return refuse(http.StatusForbidden, codeQuota, "The directory object quota limit for the Tenant has been exceeded. Please ask your administrator to increase the quota limit or delete objects to reduce the used quota.")
	}
	return nil
}

// checkUser checks the values that have rules of their own. o is nil on creation.
func (s *state) checkUser(e *edit, o *object) *failure {
	for _, v := range e.vals {
		text, _ := v.v.(string)
		switch v.p.name {
		case "userPrincipalName":
			if f := s.checkUPN(text); f != nil {
				return f
			}
		case "mailNickname":
			if f := checkMailNickname(text); f != nil {
				return f
			}
		case "usageLocation":
			if !twoLetters.MatchString(text) {
				return invalidValue(v.p.name, "The value is not a two-letter country code.")
			}
		case "mail":
			if text != "" && (!mailForm.MatchString(text) || !isASCII(text)) {
				return invalidValue(v.p.name, "The value is not a mail address.")
			}
		case "otherMails":
			list, _ := v.v.([]string)
			if slices.ContainsFunc(list, func(m string) bool { return !mailForm.MatchString(m) || !isASCII(m) }) {
				return invalidValue(v.p.name, "A value is not a mail address.")
			}
		case "passwordPolicies":
			for p := range strings.SplitSeq(text, ",") {
				if p = strings.TrimSpace(p); text != "" && p != "None" && p != "DisablePasswordExpiration" && p != "DisableStrongPassword" {
					return invalidValue(v.p.name, "The value is not a password policy.")
				}
			}
		case "passwordProfile":
			raw, _ := v.v.(json.RawMessage)
			if f := checkPassword(raw, o == nil); f != nil {
				return f
			}
		case "userType":
			if text != "Member" && text != "Guest" {
				return invalidValue(v.p.name, "The value is neither Member nor Guest.")
			}
		case "onPremisesImmutableId":
			if f := s.checkAnchor(text, e, o); f != nil {
				return f
			}
		}
	}
	return nil
}

// checkAnchor holds the rules of onPremisesImmutableId: no $ and no _, and
// fixed while the user is in a federated domain.
func (s *state) checkAnchor(text string, e *edit, o *object) *failure {
	if strings.ContainsAny(text, "$_") {
		return invalidValue("onPremisesImmutableId", "The value contains characters that are not allowed.")
	}
	if o == nil || text == o.str("onPremisesImmutableId") {
		return nil
	}
	if s.federated(o.str("userPrincipalName")) && o.str("onPremisesImmutableId") != "" {
		return invalidValue("onPremisesImmutableId", "The value cannot change while the user is in a federated domain.")
	}
	if upn := e.str("userPrincipalName"); upn != "" && s.federated(upn) && text == "" {
		return invalidValue("onPremisesImmutableId", "The property is required for a user in a federated domain.")
	}
	return nil
}

// withProxies keeps proxyAddresses in step with a new mail address, which
// becomes the primary one.
func withProxies(k *kind, o *object, vals []value) []value {
	i := slices.IndexFunc(vals, func(v value) bool { return v.p.name == "mail" })
	if i < 0 {
		return vals
	}
	mail, _ := vals[i].v.(string)
	if mail == "" {
		return vals
	}
	var old []string
	if o != nil {
		old = o.list("proxyAddresses")
	}
	proxies := []string{"SMTP:" + mail}
	for _, p := range old {
		if addressKey(p) == strings.ToLower(mail) {
			continue
		}
		if rest, ok := strings.CutPrefix(p, "SMTP:"); ok {
			p = "smtp:" + rest
		}
		proxies = append(proxies, p)
	}
	return append(slices.Clone(vals), value{k.byName["proxyAddresses"], proxies})
}

func updateUser(s *state, r *request) (*answer, *failure) {
	o, f := s.user(r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	e, f := s.parseEdit(o.kind, ms, o, r.srv)
	if f != nil {
		return nil, f
	}
	if f := s.mayEdit(o, e, r); f != nil {
		return nil, f
	}
	if f := s.checkUser(e, o); f != nil {
		return nil, f
	}
	vals := withProxies(o.kind, o, e.vals)
	if f := s.clash(o, vals); f != nil {
		return nil, f
	}
	if e.password {
		vals = slices.DeleteFunc(slices.Clone(vals), func(v value) bool { return v.p.is(writeOnly) })
		vals = append(vals, value{o.kind.byName["lastPasswordChangeDateTime"], r.now.UTC().Format(time.RFC3339)})
	}
	s.update(o, vals, r.now)
	return noContent(), nil
}

// mayEdit decides by the object's source of authority and by its privileges.
func (s *state) mayEdit(o *object, e *edit, r *request) *failure {
	sync := o.prop("onPremisesSyncEnabled")
	touchy := false
	for _, v := range e.vals {
		if sync == true && !v.p.is(whenSynced) {
			return mastered()
		}
		if sync == false && v.p.name == "onPremisesExtensionAttributes" {
			return isReadOnly(v.p)
		}
		touchy = touchy || v.p.is(sensitive)
	}
	if touchy && s.privileged(o) && !s.trusted(r) {
		return denied()
	}
	return nil
}

func deleteUser(s *state, r *request) (*answer, *failure) {
	o, f := s.user(r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	if s.privileged(o) && !s.trusted(r) {
		return nil, denied()
	}
	s.remove(o, r.now)
	return noContent(), nil
}
