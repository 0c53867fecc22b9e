// Package route decides where an incoming call goes: the first rule that
// matches names a flow, a conference, a built-in service, an application of a
// dialect, or a refusal.
package route

import (
	"fmt"

	"tandem/flow"
	"tandem/sip"
)

// Users stands, as a rule's Trunk, for all registered users.
const Users = "users"

// A Rule is one line of the routes. Empty conditions match everything; of the
// targets one is set.
type Rule struct {
	// Trunk names the trunk a call comes from, or is [Users].
	Trunk string
	// From and To are matched against the user parts; * stands for any
	// characters.
	From, To string

	Flow, Conference, Service, Jambonz, Mediaservice string
	// Reject refuses the call with this status.
	Reject int
}

// A Call is what is asked about.
type Call struct {
	// Trunk is the trunk the call comes from; empty for a user's.
	Trunk string
	// User is the registered user it comes from; empty for a trunk's.
	User string
	// From and To are the user parts of the caller and the request URI.
	From, To string
}

// A Kind is what a call is routed to.
type Kind string

// The targets of a rule.
const (
	Flow         Kind = "flow"
	Conference   Kind = "conference"
	Service      Kind = "service"
	Jambonz      Kind = "jambonz"
	Mediaservice Kind = "mediaservice"
	Reject       Kind = "reject"
)

// A Decision says where a call goes.
type Decision struct {
	// Rule is the place of the rule in the list, from 0.
	Rule int
	Kind Kind
	// Name is the flow, conference, service or application.
	Name string
	// Status refuses the call, of kind [Reject].
	Status int
}

// String gives what a rule leads to, such as "flow reception".
func (d Decision) String() string {
	if d.Kind == Reject {
		return fmt.Sprintf("reject %d", d.Status)
	}
	return string(d.Kind) + " " + d.Name
}

// CallType is the type that a call so routed has in its record.
func (d Decision) CallType() string {
	switch d.Kind {
	case Conference:
		return flow.TypeOfConference
	case Service:
		return flow.TypeOfService
	}
	return flow.TypeOfFlow
}

// target is where the rule leads.
func (r *Rule) target() Decision {
	for _, t := range []struct {
		kind Kind
		name string
	}{{Flow, r.Flow}, {Conference, r.Conference}, {Service, r.Service}, {Jambonz, r.Jambonz}, {Mediaservice, r.Mediaservice}} {
		if t.name != "" {
			return Decision{Kind: t.kind, Name: t.name}
		}
	}
	return Decision{Kind: Reject, Status: r.Reject}
}

// why says in words why the rule does not match c; "" where it does.
func (r *Rule) why(c Call) string {
	switch {
	case r.Trunk == Users && c.User == "":
		return "not from a registered user"
	case r.Trunk != "" && r.Trunk != Users && r.Trunk != c.Trunk:
		if c.Trunk == "" {
			return fmt.Sprintf("trunk %s, but the call comes from no trunk", r.Trunk)
		}
		return fmt.Sprintf("trunk %s, but the call comes from %s", r.Trunk, c.Trunk)
	case r.From != "" && !sip.Match(r.From, c.From):
		return fmt.Sprintf("from %q does not match %q", r.From, c.From)
	case r.To != "" && !sip.Match(r.To, c.To):
		return fmt.Sprintf("to %q does not match %q", r.To, c.To)
	}
	return ""
}

// Decide gives where the first rule that matches sends c, and false where none
// does.
func Decide(rules []Rule, c Call) (Decision, bool) {
	for i := range rules {
		if rules[i].why(c) == "" {
			d := rules[i].target()
			d.Rule = i
			return d, true
		}
	}
	return Decision{}, false
}

// A Line is what [Explain] says about one rule.
type Line struct {
	// Rule is the place of the rule in the list, from 0.
	Rule    int
	Matched bool
	// Text is why it does not match, or where it leads.
	Text string
}

// Explain goes through the rules for c up to the one that matches.
func Explain(rules []Rule, c Call) []Line {
	var lines []Line
	for i := range rules {
		if why := rules[i].why(c); why != "" {
			lines = append(lines, Line{Rule: i, Text: why})
			continue
		}
		return append(lines, Line{Rule: i, Matched: true, Text: rules[i].target().String()})
	}
	return lines
}

// Services are the names of the built-in services.
func Services() []string { return []string{"echo", "music", "readback", "time", "tone"} }
