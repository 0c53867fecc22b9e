package dialog

// informed answers an INFO (RFC 6086): digits and whatever applications say to
// each other. Unknown bodies are the user's to refuse.
func (d *Dialog) informed(x *incoming) {
	if d.user == nil { // an early fork that may yet win; nobody listens
		x.respond(200, nil, nil)
		return
	}
	x.respond(d.user.Info(x.req), nil, nil)
}
