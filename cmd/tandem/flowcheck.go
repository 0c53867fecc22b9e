package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"tandem/config"
	"tandem/media/tone"
)

// A staticAction is what of an action can be judged before a call runs it:
// whom it calls, and what it plays and fetches.
type staticAction struct {
	Type   string `json:"type"`
	Option struct {
		Destinations []struct {
			Type   string `json:"type"`
			Target string `json:"target"`
		} `json:"destinations"`
		StreamURLs []string `json:"stream_urls"`
		EventURL   string   `json:"event_url"`
		URI        string   `json:"uri"`
		Format     string   `json:"format"`
	} `json:"option"`
}

// unusable warns of what a flow names and what no call could use, with this
// configuration: numbers that no line of outbound is for, addresses that are
// none, prompts and URLs that cannot be opened. Values with variables are left
// to the call, and so are files, which are read when they are played.
func unusable(cfg *config.Config, f *config.Flow) []config.Problem {
	var raw []json.RawMessage
	if json.Unmarshal(f.Actions, &raw) != nil {
		return nil
	}
	var found []config.Problem
	for i, r := range raw {
		var a staticAction
		if json.Unmarshal(r, &a) != nil { // package action says why
			continue
		}
		warn := func(value string, err error, format string, args ...any) {
			if err == nil || value == "" || strings.Contains(value, "${") {
				return
			}
			p := f.Problem(fmt.Sprintf("[%d].option.", i)+fmt.Sprintf(format, args...), err.Error())
			p.Warning = true
			found = append(found, p)
		}
		switch o := a.Option; strings.ToLower(a.Type) {
		case "connect":
			for k, d := range o.Destinations {
				warn(d.Type+d.Target, callable(cfg, d.Type, d.Target), "destinations[%d].target", k)
			}
		case "play":
			for k, spec := range o.StreamURLs {
				warn(spec, playable(spec), "stream_urls[%d]", k)
			}
		case "fetch":
			warn(o.EventURL, fetchable(o.EventURL), "event_url")
		case "webhook_send":
			warn(o.URI, fetchable(o.URI), "uri")
		case "recording_start":
			if o.Format != "" && o.Format != "wav" {
				warn(o.Format, fmt.Errorf("this build records wav; %s is not there yet", o.Format), "format")
			}
		}
	}
	return found
}

// callable says why no call can go to an address.
func callable(cfg *config.Config, kind, target string) error {
	switch kind {
	case "tel":
		if !slices.ContainsFunc(cfg.Outbound, func(o config.Outbound) bool { return o.To.Match(target) }) {
			return fmt.Errorf("no line of outbound is for %s; calls to it fail", target)
		}
	case "sip":
		if _, err := sipTarget(target); err != nil {
			return fmt.Errorf("%q is no SIP address; write one such as desk@192.0.2.10:5060", target)
		}
	case "extension", "agent":
		return fmt.Errorf("destinations of type %s are not called in this build yet", kind)
	}
	return nil
}

// playable says why a prompt can never be opened.
func playable(spec string) error {
	scheme, rest, found := strings.Cut(spec, ":")
	if !found {
		scheme, rest = "file", spec
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		return fetchable(spec)
	case "file":
		if name := strings.TrimPrefix(strings.TrimPrefix(rest, "//"), "/"); !filepath.IsLocal(name) {
			return fmt.Errorf("%q lies outside state_dir/prompts; name a file in there", spec)
		}
		return nil
	case "tone":
		if rest != "" && (rest[0] == '!' || rest[0] >= '0' && rest[0] <= '9') {
			_, err := tone.Parse(rest)
			return err
		}
		name, country, _ := strings.Cut(rest, "/")
		_, err := tone.New(name, country)
		return err
	}
	return fmt.Errorf("%q is nothing to play; write file:NAME, http://…, https://… or tone:NAME", spec)
}

// fetchable says why nothing can be asked of a URL.
func fetchable(address string) error {
	u, err := url.Parse(address)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		err = errors.New("no http or https URL with a host")
	}
	if err != nil {
		return fmt.Errorf("%q is no address to ask; write one such as https://app.example.net/flow", address)
	}
	return nil
}
