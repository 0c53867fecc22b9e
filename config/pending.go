package config

import (
	"path"
	"slices"
	"strings"
)

// A pending key is one that is read and checked, but that this build does not
// act on yet. A line goes when its key is acted on.
type pending struct {
	// path is the key; * stands for one name.
	path string
	// what does not happen.
	what string
	// harmless are the texts with which the key asks for nothing, beside the
	// empty text, list and mapping.
	harmless []string
}

func pendingKeys() []pending {
	return []pending{
		{path: "sip.tls.*", what: "TLS is not in this build yet"},
		{path: "sip.domain", what: "users cannot register in this build yet"},
		{path: "users", what: "users cannot register in this build yet"},
		{path: "trunks.*.register", what: "tandem does not register with trunks in this build yet", harmless: []string{"false"}},
		{path: "trunks.*.options.interval", what: "trunks are not probed in this build yet", harmless: []string{"0", "0s"}},
		{path: "routes[*].jambonz", what: "jambonz applications are not called in this build yet; the route refuses its calls"},
		{path: "routes[*].mediaservice", what: "mediaservice applications are not called in this build yet; the route refuses its calls"},
		{path: "jambonz", what: "jambonz applications are not called in this build yet"},
		{path: "mediaservice", what: "mediaservice applications are not called in this build yet"},
		{path: "customers", what: "all objects belong to one customer in this build"},
		{path: "api.access_keys.*.customer", what: "all objects belong to one customer in this build"},
		{path: "speech.stt", what: "speech is not recognised in this build yet"},
		{path: "store", what: "records are kept in SQLite in this build"},
		{path: "compatibility", what: "this build has tandem's own behaviour alone"},
	}
}

// stillPending says what does not happen for a key of the file.
func stillPending(path, text string) (string, bool) {
	table := pendingKeys()
	i := slices.IndexFunc(table, func(k pending) bool { return matchPath(k.path, path) })
	if i < 0 || text == "" || slices.Contains(table[i].harmless, text) {
		return "", false
	}
	return table[i].what, true
}

// warnListen says which addresses nobody listens on yet.
func (c *Config) warnListen(l *loader) {
	for i, a := range c.SIP.Listen {
		if a.Network != "udp" && a.Network != "tcp" {
			l.warn(c.Pos(index("sip.listen", i)), "sip.listen", "%s is not listened on in this build yet; udp and tcp are", a)
		}
	}
}

// matchPath says whether a key's path fits a pattern, in which * stands for a
// name or an index.
func matchPath(pattern, key string) bool {
	slashed := strings.NewReplacer("/", "_", ".", "/", "[*]", "/*", "[", "/", "]", "")
	ok, err := path.Match(slashed.Replace(pattern), slashed.Replace(key))
	return ok && err == nil
}
