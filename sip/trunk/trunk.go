// Package trunk knows our peers: whose a source address is, which trunks a
// number leaves by, how a number is written for a trunk, and how much each may
// carry.
package trunk

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tandem/sip"
)

// Errors of a trunk that is full.
var (
	// ErrCalls says that the trunk carries as many calls as it may.
	ErrCalls = errors.New("all calls are taken")
	// ErrRate says that the trunk got as many new calls in this second as it
	// may.
	ErrRate = errors.New("too many new calls a second")
)

// Config describes a trunk.
type Config struct {
	Name string
	// From are the sources whose requests are this trunk's.
	From []netip.Prefix
	// To is where calls to it go; an empty host: nowhere. Its user part is not
	// used.
	To sip.Uri
	// Username and Password answer its digest challenges.
	Username, Password string
	// Codecs are offered and accepted in this order; none: the program's.
	Codecs []string
	// Calls and Rate bound calls at once and new calls a second, both
	// directions together; 0: no bound.
	Calls, Rate int
}

// A Trunk is a peer with what it carries now.
type Trunk struct {
	Config
	rate *rate.Limiter // nil: no bound

	mu    sync.Mutex
	calls int
}

// Outbound says which trunks a number leaves by.
type Outbound struct {
	// To is a pattern: * stands for any characters.
	To string
	// Trunks are names, in the order in which they are tried.
	Trunks []string
}

// A Table is all trunks. It is not changed after New; any goroutine may use it.
type Table struct {
	byName   map[string]*Trunk
	byPrefix map[netip.Prefix]*Trunk
	lengths  []int // of the prefixes, longest first
	outbound []line
}

type line struct {
	pattern string
	trunks  []*Trunk
}

// New makes a table. An error names the trunk or line: a prefix that two trunks
// claim, a name that is there twice or not at all.
func New(trunks []Config, outbound []Outbound) (*Table, error) {
	t := &Table{byName: make(map[string]*Trunk), byPrefix: make(map[netip.Prefix]*Trunk)}
	for _, c := range trunks {
		if t.byName[c.Name] != nil {
			return nil, fmt.Errorf("trunk %s: there twice", c.Name)
		}
		tr := &Trunk{Config: c}
		if c.Rate > 0 {
			tr.rate = rate.NewLimiter(rate.Limit(c.Rate), c.Rate)
		}
		t.byName[c.Name] = tr
		for _, p := range c.From {
			if p = unmap(p); !p.IsValid() {
				return nil, fmt.Errorf("trunk %s: from: bad prefix", c.Name)
			}
			if other := t.byPrefix[p]; other != nil && other != tr {
				return nil, fmt.Errorf("trunk %s: from: %v is trunk %s's", c.Name, p, other.Name)
			}
			t.byPrefix[p] = tr
			if !slices.Contains(t.lengths, p.Bits()) {
				t.lengths = append(t.lengths, p.Bits())
			}
		}
	}
	slices.SortFunc(t.lengths, func(a, b int) int { return b - a })
	for _, o := range outbound {
		l := line{pattern: o.To}
		for _, name := range o.Trunks {
			tr := t.byName[name]
			if tr == nil {
				return nil, fmt.Errorf("outbound %s: unknown trunk %s", o.To, name)
			}
			l.trunks = append(l.trunks, tr)
		}
		t.outbound = append(t.outbound, l)
	}
	return t, nil
}

// unmap writes a prefix of IPv4-mapped addresses as the IPv4 one it is.
func unmap(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// Identify says whose requests come from src: the trunk with the longest prefix
// that holds it; nil for a stranger. What a request says of itself never counts.
func (t *Table) Identify(src netip.Addr) *Trunk {
	src = src.Unmap().WithZone("")
	for _, bits := range t.lengths {
		if p, err := src.Prefix(bits); err == nil {
			if tr := t.byPrefix[p]; tr != nil {
				return tr
			}
		}
	}
	return nil
}

// Known is Identify in the form that sip/transport asks for.
func (t *Table) Known(src netip.AddrPort) bool { return t.Identify(src.Addr()) != nil }

// Trunk is the trunk of that name; nil if there is none.
func (t *Table) Trunk(name string) *Trunk { return t.byName[name] }

// Outbound are the trunks that a number leaves by, in the order in which they
// are tried: those of the first line that matches and that have a target. None
// if no line matches.
func (t *Table) Outbound(number string) []*Trunk {
	for _, l := range t.outbound {
		if !sip.Match(l.pattern, number) {
			continue
		}
		return slices.DeleteFunc(slices.Clone(l.trunks), func(tr *Trunk) bool { return tr.To.Host == "" })
	}
	return nil
}

// Target is the Request-URI for a number at this trunk: its target with the
// number as user part.
func (tr *Trunk) Target(number string) sip.Uri {
	u := *tr.To.Clone()
	u.User, u.Password, u.Headers = sip.EscapeUser(number), "", nil
	return u
}

// Enter counts a new call in, either direction: ErrCalls or ErrRate if there is
// no room. release is to be called when the call is over, from any goroutine;
// again does nothing.
func (tr *Trunk) Enter(now time.Time) (release func(), err error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.Config.Calls > 0 && tr.calls >= tr.Config.Calls {
		return nil, fmt.Errorf("trunk %s: %w", tr.Name, ErrCalls)
	}
	if tr.rate != nil && !tr.rate.AllowN(now, 1) {
		return nil, fmt.Errorf("trunk %s: %w", tr.Name, ErrRate)
	}
	tr.calls++
	return sync.OnceFunc(func() {
		tr.mu.Lock()
		tr.calls--
		tr.mu.Unlock()
	}), nil
}

// Up is how many calls the trunk carries now.
func (tr *Trunk) Up() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.calls
}
