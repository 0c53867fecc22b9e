package event

// A Refusal is an incoming INVITE that never became a call.
type Refusal struct {
	ID       string `json:"id"`
	TMCreate Time   `json:"tm_create"`
	// Trunk names the trunk it came from; empty where it was a user's.
	Trunk string `json:"trunk"`
	// Remote is the address it came from, host:port.
	Remote    string `json:"remote"`
	SIPCallID string `json:"sip_call_id"`
	// From and To are the user parts of From and the request URI.
	From string `json:"from"`
	To   string `json:"to"`
	// Status is what it was answered with, Reason why.
	Status int    `json:"status"`
	Reason string `json:"reason"`
}
