// Package config reads the configuration: YAML in, a checked [Config] out, and
// every fault in it with its file, line and column.
//
// The structs below are the one table of keys. A field's tags say its name
// (yaml), what it is for (doc), its default as YAML (default), where that is
// more than a value (note), the texts it may have (enum) and the least it may
// be (min); parsing, the JSON Schema and the test of examples/tandem.yaml all
// read them. Flows stay documents here: whoever knows the actions checks them,
// and turns a place in a flow into a place in the file with [Flow.Pos].
package config

import (
	"net/netip"
	"time"
)

// A Config is one node's configuration with its defaults filled in.
type Config struct {
	// File is the path the configuration was read from.
	File string `yaml:"-"`

	Include  []string `yaml:"include" doc:"Further files to read as part of this one; globs, relative to the file that names them." default:"[]"`
	Node     string   `yaml:"node" doc:"Name of this host in ids, logs and metrics." default:"\"\"" note:"the host name"`
	StateDir string   `yaml:"state_dir" doc:"Folder for records, recordings, prompts and speech; made at start." default:"/var/lib/tandem"`

	SIP      SIP              `yaml:"sip" doc:"Signalling: where tandem listens and what it calls itself."`
	Media    Media            `yaml:"media" doc:"Audio: addresses, ports and codecs."`
	Trunks   map[string]Trunk `yaml:"trunks" doc:"Peers that calls come from and go to, by name."`
	Outbound []Outbound       `yaml:"outbound" merge:"append" doc:"Which trunk a tel destination leaves by: the first line that matches."`
	Routes   []Route          `yaml:"routes" merge:"append" doc:"Where an incoming call goes: the first line that matches; none is 404."`
	Flows    map[string]Flow  `yaml:"flows" doc:"Call flows by name: lists of actions."`
	Users    map[string]User  `yaml:"users" doc:"Who may register here (phones, agents' desks), by user name."`
	API      API              `yaml:"api" doc:"The HTTP port with the REST API, metrics and health."`

	Customers    map[string]Customer     `yaml:"customers" doc:"Customers by id; one implicit customer when empty."`
	Events       Events                  `yaml:"events" doc:"What the outside is told as it happens."`
	Jambonz      Jambonz                 `yaml:"jambonz" doc:"Applications that speak jambonz's websocket or webhook protocol."`
	MediaService map[string]MediaService `yaml:"mediaservice" doc:"Applications that speak mediaservice callbacks, by domain."`

	Network Network `yaml:"network" doc:"What programs may reach through tandem."`
	Speech  Speech  `yaml:"speech" doc:"Engines that speak and listen."`

	Store         Secret        `yaml:"store" doc:"Database URL, postgres://…, used instead of SQLite in state_dir." default:"\"\"" note:"SQLite"`
	Compatibility string        `yaml:"compatibility" doc:"strict_voipbin: the original's behaviour, quirks included." default:"\"\"" enum:",strict_voipbin"`
	MaxCall       time.Duration `yaml:"max_call" doc:"Longest call, counted from its answer; a caller who is not answered has as long. 0 is no limit." default:"4h"`
	Drain         time.Duration `yaml:"drain" doc:"How long calls may go on after SIGTERM." default:"1h"`

	// settings says where the value of each given path is.
	settings map[string]Pos
	// files are what was read, in this order.
	files []string
}

// SIP is the section sip.
type SIP struct {
	Listen    []Listen `yaml:"listen" doc:"Addresses to take requests on: udp, tcp, tls, ws or wss." default:"[\"udp://0.0.0.0:5060\", \"tcp://0.0.0.0:5060\"]"`
	Advertise HostPort `yaml:"advertise" doc:"Address for Via and Contact, host or host:port." default:"\"\"" note:"the listen address where it is specific, else the source address of the route to the peer"`
	TLS       TLS      `yaml:"tls" doc:"Certificate for tls and wss."`
	Domain    string   `yaml:"domain" doc:"Domain that users register in." default:"\"\"" note:"the listen address"`
}

// TLS is the section sip.tls.
type TLS struct {
	Certificate string `yaml:"certificate" doc:"File with the certificate chain in PEM." default:"\"\""`
	Key         string `yaml:"key" doc:"File with the private key in PEM." default:"\"\""`
	ClientCA    string `yaml:"client_ca" doc:"File with the CAs that peers' certificates must come from; empty asks for none." default:"\"\""`
}

// Media is the section media.
type Media struct {
	Listen    netip.Addr `yaml:"listen" doc:"IP address that RTP sockets bind and SDP names." default:"\"\"" note:"as sip.advertise is found"`
	Advertise netip.Addr `yaml:"advertise" doc:"IP address in SDP when it differs from the one bound (NAT)." default:"\"\"" note:"the address bound"`
	Ports     PortRange  `yaml:"ports" doc:"UDP ports for audio: RTP even, RTCP the next; a pair that does not fit is not used." default:"20000-29999"`
	Codecs    []Codec    `yaml:"codecs" doc:"Codecs offered, in this order, on any leg whose trunk names none: of pcma, pcmu, gsm, g722." default:"[pcma, pcmu, gsm]"`
}

// A Trunk is a peer.
type Trunk struct {
	From     []Prefix     `yaml:"from" doc:"Sources whose requests are this trunk's: addresses or networks." default:"[]"`
	To       Target       `yaml:"to" doc:"Where calls to the trunk go: sip:host, sip:host:port, with ;transport=tcp where needed." default:"\"\"" note:"no calls to it"`
	Username string       `yaml:"username" doc:"User name for digest challenges of the trunk." default:"\"\""`
	Password Secret       `yaml:"password" doc:"Password for digest challenges of the trunk." default:"\"\""`
	Register bool         `yaml:"register" doc:"Whether to register with the trunk." default:"false"`
	Codecs   []Codec      `yaml:"codecs" doc:"Codecs offered to and accepted from the trunk, in this order." default:"[]" note:"media.codecs"`
	Options  TrunkOptions `yaml:"options" doc:"Probing by OPTIONS."`
	Limits   TrunkLimits  `yaml:"limits" doc:"Limits of the trunk, both directions together."`
}

// TrunkOptions is a trunk's section options.
type TrunkOptions struct {
	Interval time.Duration `yaml:"interval" doc:"Time between two probes; 0 is off." default:"0s"`
}

// TrunkLimits is a trunk's section limits.
type TrunkLimits struct {
	Calls int `yaml:"calls" doc:"Calls at once; 0 is no limit." default:"0" min:"0"`
	Rate  int `yaml:"rate" doc:"New calls a second; 0 is no limit." default:"0" min:"0"`
}

// An Outbound line sends numbers to trunks.
type Outbound struct {
	To     Pattern  `yaml:"to" doc:"Number the line is for; * stands for any characters." required:"true"`
	Trunks []string `yaml:"trunks" doc:"Trunks to try, in order." required:"true"`
}

// A Route sends incoming calls somewhere. Exactly one of the fields from Flow
// on is set.
type Route struct {
	Trunk string  `yaml:"trunk" doc:"Trunk the call comes from; users stands for registered users." default:"\"\"" note:"any trunk or user"`
	To    Pattern `yaml:"to" doc:"Number called; * stands for any characters." default:"\"*\""`
	From  Pattern `yaml:"from" doc:"Number of the caller; * stands for any characters." default:"\"*\""`

	Flow         string `yaml:"flow" doc:"Flow to run: a name under flows or an id in the store." default:"\"\""`
	Jambonz      string `yaml:"jambonz" doc:"Application under jambonz.applications to hand the call to." default:"\"\""`
	MediaService string `yaml:"mediaservice" doc:"Domain under mediaservice to hand the call to." default:"\"\""`
	Service      string `yaml:"service" doc:"Built-in service to connect." default:"\"\"" enum:",echo,tone,music,readback,time"`
	Conference   string `yaml:"conference" doc:"Room to join." default:"\"\""`
	Reject       int    `yaml:"reject" doc:"SIP status to refuse with, 300 to 699." default:"0"`
}

// Users is the word that stands for registered users in [Route.Trunk].
const Users = "users"

// A User may register.
type User struct {
	Password Secret `yaml:"password" doc:"Password of the user." required:"true"`
}

// API is the section api.
type API struct {
	Listen     HostPort             `yaml:"listen" doc:"Address of the HTTP port." default:"127.0.0.1:8080"`
	AccessKeys map[string]AccessKey `yaml:"access_keys" doc:"Keys that open the API, by name." note:"one is made at first start in state_dir/access_key"`
}

// An AccessKey opens the API; in the file it may be the key alone.
type AccessKey struct {
	Key      Secret `yaml:"key" short:"true" doc:"The key itself." required:"true"`
	Customer string `yaml:"customer" doc:"Id of the customer whose objects the key opens." default:"\"\"" note:"all"`
	Scope    string `yaml:"scope" doc:"What the key may do: all, or read only." default:"all" enum:"all,read"`
	Expires  Date   `yaml:"expires" doc:"Day or time after which the key opens nothing, such as 2027-01-31." default:"\"\"" note:"never"`
}

// A Customer is someone whose calls are kept apart from others'.
type Customer struct {
	Name     string    `yaml:"name" doc:"Name of the customer." default:"\"\""`
	Webhooks []Webhook `yaml:"webhooks" doc:"Where the customer's events are posted." default:"[]"`
	Numbers  []Pattern `yaml:"numbers" doc:"Numbers the customer may call from." default:"[]" note:"any"`
}

// Events is the section events.
type Events struct {
	Webhooks []Webhook `yaml:"webhooks" merge:"append" doc:"Where events are posted." default:"[]"`
}

// A Webhook is a receiver of events.
type Webhook struct {
	URL    URL       `yaml:"url" doc:"URL the events are posted to." schemes:"http,https" required:"true"`
	Secret Secret    `yaml:"secret" doc:"Key of the signatures in X-Tandem-Signature and X-VoIPBIN-Signature." default:"\"\"" note:"not signed"`
	Types  []Pattern `yaml:"types" doc:"Types of events to post; * stands for any characters." default:"[\"*\"]"`
}

// Jambonz is the section jambonz.
type Jambonz struct {
	Accounts     map[string]JambonzAccount     `yaml:"accounts" doc:"Accounts by sid."`
	Applications map[string]JambonzApplication `yaml:"applications" doc:"Applications by name."`
}

// A JambonzAccount holds applications.
type JambonzAccount struct {
	Token         Secret `yaml:"token" doc:"Token that opens the REST API of the account." required:"true"`
	WebhookSecret Secret `yaml:"webhook_secret" doc:"Key of the signature of webhooks." default:"\"\""`
}

// A JambonzApplication controls calls.
type JambonzApplication struct {
	SID            string            `yaml:"sid" doc:"Id of the application." default:"\"\"" note:"made from its name"`
	Account        string            `yaml:"account" doc:"Account it belongs to." default:"\"\"" note:"the first"`
	CallHook       URL               `yaml:"call_hook" doc:"URL asked what to do with a call." schemes:"ws,wss,http,https" required:"true"`
	CallStatusHook URL               `yaml:"call_status_hook" doc:"URL told about a call's states." schemes:"ws,wss,http,https" default:"\"\""`
	Synthesizer    map[string]any    `yaml:"synthesizer" doc:"Default of the verb say: vendor, language, voice."`
	Recognizer     map[string]any    `yaml:"recognizer" doc:"Default of the verb gather: vendor, language."`
	EnvVars        map[string]string `yaml:"env_vars" doc:"Values handed to the application."`
}

// A MediaService is an application that speaks mediaservice callbacks.
type MediaService struct {
	CallbackBaseURL URL      `yaml:"callback_base_url" doc:"URL that callbacks' paths are added to." schemes:"http,https" required:"true"`
	Entry           string   `yaml:"entry" doc:"Callback asked what to do with a new call." default:"\"\""`
	APIKey          Secret   `yaml:"api_key" doc:"Key the application and tandem show each other." default:"\"\""`
	CallbackHosts   []string `yaml:"callback_hosts" doc:"Further hosts that callbacks may go to." default:"[]"`
	AlarmURL        URL      `yaml:"alarm_url" doc:"URL told about callbacks that fail." schemes:"http,https" default:"\"\""`
}

// Network is the section network.
type Network struct {
	AllowPrivate []Prefix `yaml:"allow_private" doc:"Private networks that URLs given over the API or by applications may reach." default:"[]"`
}

// Speech is the section speech.
type Speech struct {
	TTS []string `yaml:"tts" doc:"Engines that speak, tried in order." default:"[piper, espeak]" enum:"piper,espeak"`
	STT []string `yaml:"stt" doc:"Engines that listen, tried in order." default:"[]"`
}

// Pos gives the place of the value at path ("trunks.acme.codecs",
// "routes[2].flow"), or the nearest one around it that the file has.
func (c *Config) Pos(path string) Pos {
	for {
		if p, ok := c.settings[path]; ok {
			return p
		}
		if path == "" {
			return Pos{File: c.File}
		}
		path = parent(path)
	}
}

// Given says whether the file gives the key at path, with its default or not.
func (c *Config) Given(path string) bool {
	_, ok := c.settings[path]
	return ok
}
