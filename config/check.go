package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"tandem/codec"
)

// check finds what only the whole configuration shows: names that lead
// nowhere, keys that need one another.
func (c *Config) check(l *loader) {
	c.checkSIP(l)
	c.checkMedia(l)
	c.checkTrunks(l)
	c.checkOutbound(l)
	c.checkRoutes(l)
	c.checkJambonz(l)
	c.checkWebhooks(l)
	if c.StateDir == "" {
		l.add(c.Pos("state_dir"), "state_dir", "must not be empty; name a folder such as /var/lib/tandem")
	}
	if _, port := c.API.Listen.Split(); port == "" {
		l.add(c.Pos("api.listen"), "api.listen", "the port is missing; write one such as 127.0.0.1:8080")
	}
}

func (c *Config) checkSIP(l *loader) {
	const path = "sip.listen"
	if len(c.SIP.Listen) == 0 && !c.faulty(l, path) {
		l.add(c.Pos(path), path, "must not be empty; write one such as udp://0.0.0.0:5060")
	}
	seen := map[Listen]bool{}
	for i, a := range c.SIP.Listen {
		pos := c.Pos(index(path, i))
		if seen[a] {
			l.add(pos, path, "%s is given twice", a)
		}
		seen[a] = true
		if (a.Network == "tls" || a.Network == "wss") && c.SIP.TLS.Certificate == "" {
			l.add(pos, path, "%s needs a certificate; give sip.tls.certificate and sip.tls.key", a)
		}
		if r := c.Media.Ports; a.Network == "udp" && a.Addr.Port() >= r.First && a.Addr.Port() <= r.Last {
			l.warn(pos, path, "port %d lies in media.ports; that pair of ports will not be used for audio", a.Addr.Port())
		}
	}
	if t := c.SIP.TLS; (t.Certificate == "") != (t.Key == "") {
		l.add(c.Pos("sip.tls"), "sip.tls", "certificate and key go together; give both")
	}
}

func (c *Config) checkMedia(l *loader) {
	if m := c.Media; m.Listen.IsValid() && m.Listen.IsUnspecified() && !m.Advertise.IsValid() {
		l.add(c.Pos("media.listen"), "media.listen", "%s is no address that SDP could name; leave media.listen out, or give media.advertise", m.Listen)
	}
	if m := c.Media; m.Advertise.IsValid() && m.Advertise.IsUnspecified() {
		l.add(c.Pos("media.advertise"), "media.advertise", "%s is no address that SDP could name; write the one that peers reach", m.Advertise)
	}
	c.Media.Codecs = c.checkCodecs(l, "media.codecs", c.Media.Codecs, true)
	for _, name := range sortedKeys(c.Trunks) {
		t := c.Trunks[name]
		t.Codecs = c.checkCodecs(l, "trunks."+name+".codecs", t.Codecs, false)
		c.Trunks[name] = t
	}
}

// checkCodecs gives the codecs of a list that this build has.
func (c *Config) checkCodecs(l *loader, path string, list []Codec, needed bool) []Codec {
	var have []Codec
	for i, k := range list {
		switch {
		case slices.Contains(list[:i], k):
			l.add(c.Pos(index(path, i)), path, "%s is given twice", k)
		case codec.ByName(string(k)) == nil:
			l.warn(c.Pos(index(path, i)), path, "%s is not in this build yet and will not be offered", k)
		default:
			have = append(have, k)
		}
	}
	if len(have) == 0 && (needed || len(list) > 0) && !c.faulty(l, path) {
		l.add(c.Pos(path), path, "no codec is left; give one of pcma, pcmu, gsm, g722")
	}
	return have
}

// faulty says that path has an error of its own already.
func (c *Config) faulty(l *loader, path string) bool {
	return slices.ContainsFunc(l.problems, func(p Problem) bool { return p.Path == path && !p.Warning })
}

func (c *Config) checkTrunks(l *loader) {
	owner := map[netip.Prefix]string{}
	for _, name := range sortedKeys(c.Trunks) {
		t, path := c.Trunks[name], "trunks."+name
		if name == Users {
			l.add(c.Pos(path), path, "%q stands for registered users in routes; give the trunk another name", Users)
		}
		for i, p := range t.From {
			from := path + ".from"
			if other, ok := owner[p]; ok {
				l.add(c.Pos(index(from, i)), from, "%s is trunk %s's already; a source is one trunk's", p, other)
			}
			owner[p] = name
		}
		if len(t.From) == 0 && t.To.IsZero() && !c.faulty(l, path+".from") && !c.faulty(l, path+".to") {
			l.warn(c.Pos(path), path, "has neither from nor to; no call can come from it or go to it")
		}
		if t.Register && (t.To.IsZero() || t.Username == "") {
			l.add(c.Pos(path+".register"), path+".register", "to register, the trunk needs to and username")
		}
		if t.Password != "" && t.Username == "" {
			l.warn(c.Pos(path+".password"), path+".password", "is of no use without username")
		}
	}
}

func (c *Config) checkOutbound(l *loader) {
	for i, o := range c.Outbound {
		path := index("outbound", i)
		if c.Given(path+".trunks") && len(o.Trunks) == 0 && !c.faulty(l, path+".trunks") {
			l.add(c.Pos(path+".trunks"), path+".trunks", "must not be empty; name the trunks to try")
		}
		for k, name := range o.Trunks {
			t, ok := c.Trunks[name]
			pos := c.Pos(index(path+".trunks", k))
			if !ok {
				l.add(pos, path+".trunks", "unknown trunk %q; %s", name, didYouMean(name, keysOf(c.Trunks)))
			} else if t.To.IsZero() && !c.faulty(l, "trunks."+name+".to") {
				l.add(pos, path+".trunks", "trunk %s says not where its calls go; give trunks.%s.to", name, name)
			}
		}
	}
}

func (c *Config) checkRoutes(l *loader) {
	all := -1 // the first route that takes every call
	for i, r := range c.Routes {
		path := index("routes", i)
		if c.faulty(l, path) { // it is no route at all
			continue
		}
		if r.Trunk != "" && r.Trunk != Users {
			if _, ok := c.Trunks[r.Trunk]; !ok {
				l.add(c.Pos(path+".trunk"), path+".trunk", "unknown trunk %q; %s", r.Trunk, didYouMean(r.Trunk, append(keysOf(c.Trunks), Users)))
			}
		}
		if all >= 0 {
			l.warn(c.Pos(path), path, "is never reached: routes[%d] takes every call", all)
		} else if r.To == "*" && r.From == "*" && r.Trunk == "" {
			all = i
		}
		c.checkRouteTarget(l, path, r)
	}
}

func (c *Config) checkRouteTarget(l *loader, path string, r Route) {
	var given []string
	for _, key := range [...]string{"flow", "jambonz", "mediaservice", "service", "conference", "reject"} {
		if c.Given(path + "." + key) {
			given = append(given, key)
		}
	}
	switch {
	case len(given) == 0:
		if !slices.ContainsFunc(l.problems, func(p Problem) bool { return strings.HasPrefix(p.Path, path+".") }) {
			l.add(c.Pos(path), path, "leads nowhere; give one of flow, jambonz, mediaservice, service, conference, reject")
		}
		return
	case len(given) > 1:
		l.add(c.Pos(path), path, "leads to several places: %s; give one of them", strings.Join(given, ", "))
		return
	}
	key := path + "." + given[0]
	pos := c.Pos(key)
	switch given[0] {
	case "flow":
		if _, ok := c.Flows[r.Flow]; !ok && uuid.Validate(r.Flow) != nil {
			l.add(pos, key, "unknown flow %q; %s", r.Flow, didYouMean(r.Flow, keysOf(c.Flows)))
		}
	case "jambonz":
		if _, ok := c.Jambonz.Applications[r.Jambonz]; !ok {
			l.add(pos, key, "unknown application %q; %s", r.Jambonz, didYouMean(r.Jambonz, keysOf(c.Jambonz.Applications)))
		}
	case "mediaservice":
		if _, ok := c.MediaService[r.MediaService]; !ok {
			l.add(pos, key, "unknown domain %q; %s", r.MediaService, didYouMean(r.MediaService, keysOf(c.MediaService)))
		}
	case "conference", "service":
		if r.Conference == "" && r.Service == "" && !c.faulty(l, key) {
			l.add(pos, key, "must not be empty")
		}
	case "reject":
		if (r.Reject < 300 || r.Reject > 699) && !c.faulty(l, key) {
			l.add(pos, key, "%d refuses nothing; write a SIP status from 300 to 699, such as 403", r.Reject)
		}
	}
}

func (c *Config) checkWebhooks(l *loader) {
	first := map[URL]int{}
	for i, w := range c.Events.Webhooks {
		path := index("events.webhooks", i) + ".url"
		if n, ok := first[w.URL]; ok && w.URL != "" {
			l.add(c.Pos(path), path, "is that of events.webhooks[%d] too; join their types", n)
			continue
		}
		first[w.URL] = i
	}
}

func (c *Config) checkJambonz(l *loader) {
	for _, name := range sortedKeys(c.Jambonz.Applications) {
		a, path := c.Jambonz.Applications[name], "jambonz.applications."+name
		if a.Account != "" {
			if _, ok := c.Jambonz.Accounts[a.Account]; !ok {
				l.add(c.Pos(path+".account"), path+".account", "unknown account %q; %s", a.Account, didYouMean(a.Account, keysOf(c.Jambonz.Accounts)))
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func index(path string, i int) string { return fmt.Sprint(path, "[", strconv.Itoa(i), "]") }
