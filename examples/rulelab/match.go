package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// match ties the scenario's connectors to those of the rules, by name and then by type, and
// makes the rules speak of the scenario's. Rules for connectors that the scenario does not
// have are left out; notes say so. It returns the parameters of each connector.
func (s *ruleSource) match(sc *scenario) (parameters map[string]rules.MapParameters, notes []string, err error) {
	taken := make([]bool, len(s.connectors))
	renamed := make(map[string]string) // folded name in the rules to name in the scenario
	parameters = make(map[string]rules.MapParameters)
	tie := func(c *scenarioConnector, fits func(ruleConnector) bool) bool {
		for i, rc := range s.connectors {
			if !taken[i] && fits(rc) {
				taken[i], renamed[attr.Fold(rc.name)], parameters[c.Name] = true, c.Name, rc.parameters
				return true
			}
		}
		return false
	}
	var rest []*scenarioConnector
	for i := range sc.Connectors {
		c := &sc.Connectors[i]
		if !tie(c, func(rc ruleConnector) bool { return attr.EqualName(rc.name, c.Name) }) {
			rest = append(rest, c)
		}
	}
	for _, c := range rest {
		if !tie(c, func(rc ruleConnector) bool { return rc.kind == c.Type }) {
			return nil, nil, fmt.Errorf("the rules have no connector for %s of type %s; they have %s", c.Name, c.Type, s.connectorNames())
		}
	}
	for i, rc := range s.connectors {
		if !taken[i] {
			notes = append(notes, fmt.Sprintf("the rules for connector %s are left out: the scenario has none like it", rc.name))
		}
	}
	s.rename(renamed)
	return parameters, notes, nil
}

func (s *ruleSource) connectorNames() string {
	var names []string
	for _, c := range s.connectors {
		names = append(names, c.name+" ("+c.kind+")")
	}
	return strings.Join(names, ", ")
}

func (s *ruleSource) rename(renamed map[string]string) {
	var kept []rules.Rule
	for _, r := range s.file.Rules {
		if name, ok := renamed[attr.Fold(r.Connector)]; ok {
			r.Connector = name
			kept = append(kept, r)
		}
	}
	s.file.Rules = kept
	s.options.Connectors = slices.Clone(s.options.Connectors)
	for i := range s.options.Connectors {
		if name, ok := renamed[attr.Fold(s.options.Connectors[i].Name)]; ok {
			s.options.Connectors[i].Name = name
		}
	}
}
