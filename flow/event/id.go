package event

import "github.com/google/uuid"

// NamedID is the id under which the API shows an object that is named in the
// configuration or in a flow: the UUIDv5 of the name in the OID namespace
// (RFC 9562 §5.5). A name that is an id already is returned as it is, in lower
// case.
func NamedID(name string) string {
	if id, err := uuid.Parse(name); err == nil && len(name) == 36 {
		return id.String()
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String()
}
