package deploy

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exposure is what systemd-analyze security may say at most, of 10. What is
// left is that a SIP server has sockets to the world.
const exposure = 1.2

// unit is the unit as a file with a program that is there, for tools that look.
func unit(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed (Debian: apt-get install systemd)")
	}
	text, err := os.ReadFile("tandem.service")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "tandem")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(text), "/usr/bin/tandem ", program+" ")
	if changed == string(text) {
		t.Fatal("the unit does not run /usr/bin/tandem")
	}
	path := filepath.Join(dir, "tandem.service")
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnitVerifies(t *testing.T) {
	path := unit(t)
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Unknown keys are warnings only. Other units of the machine may have
	// theirs.
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "tandem") {
			t.Errorf("systemd-analyze verify: %s", line)
		}
	}
}

func TestUnitExposure(t *testing.T) {
	path := unit(t)
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+)`).FindStringSubmatch(string(out))
	if m == nil {
		t.Fatalf("no exposure level in\n%s", out)
	}
	got, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("exposure %.1f", got)
	if got > exposure {
		t.Errorf("exposure is %.1f, was %.1f:\n%s", got, exposure, out)
	}
}

// settings are the lines KEY=VALUE or KEY = VALUE of a file.
func settings(t *testing.T, path string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if k, v, ok := strings.Cut(line, "="); ok {
			k = strings.TrimSpace(k)
			out[k] = append(out[k], strings.TrimSpace(v))
		}
	}
	return out
}

// What a media host needs and an operator counts on, which no tool checks.
func TestUnitKeeps(t *testing.T) {
	s := settings(t, "tandem.service")
	for key, want := range map[string]string{
		"Type":                  "notify",
		"User":                  "tandem",
		"CapabilityBoundingSet": "",
		"NoNewPrivileges":       "yes",
		"ProtectSystem":         "strict",
		"StateDirectory":        "tandem",
		"KillMode":              "mixed", // speech goes on while calls drain
		"LimitCORE":             "0",
		"ExecReload":            "/bin/kill -HUP $MAINPID",
	} {
		if !slices.Equal(s[key], []string{want}) {
			t.Errorf("%s is %q, want %q", key, s[key], want)
		}
	}
	if n, err := strconv.Atoi(s["LimitNOFILE"][0]); err != nil || n < 100_000 {
		t.Errorf("LimitNOFILE is %v", s["LimitNOFILE"])
	}
	if s["WatchdogSec"] == nil || s["Restart"] == nil {
		t.Error("no watchdog, or no restart")
	}
	if v := s["RestartPreventExitStatus"]; v != nil {
		t.Errorf("RestartPreventExitStatus=%v: a panic's exit status is 2", v)
	}
}

func TestSysctl(t *testing.T) {
	s := settings(t, "tandem.sysctl")
	if got := s["net.ipv4.ip_local_reserved_ports"]; !slices.Equal(got, []string{"20000-29999"}) {
		t.Errorf("reserved ports %v are not media.ports' default", got)
	}
	for _, key := range []string{"net.core.rmem_max", "net.core.wmem_max"} {
		if n, err := strconv.Atoi(s[key][0]); err != nil || n < 4<<20 {
			t.Errorf("%s is %v", key, s[key])
		}
	}
}

func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("*.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		if out, err := exec.Command("sh", "-n", s).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", s, out)
		}
	}
}

func TestInstall(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"tandem", "tandem-voice"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, prefix := range []string{"/usr", "/usr/local"} {
		dest := t.TempDir()
		install := func() {
			t.Helper()
			cmd := exec.Command("sh", "install.sh")
			cmd.Env = append(os.Environ(), "DESTDIR="+dest, "PREFIX="+prefix, "BIN="+bin)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		install()
		for path, mode := range map[string]fs.FileMode{
			prefix + "/bin/tandem":                            0o755,
			prefix + "/lib/tandem/tandem-voice":               0o755,
			prefix + "/lib/systemd/system/tandem.service":     0o644,
			prefix + "/lib/sysusers.d/tandem.conf":            0o644,
			prefix + "/lib/sysctl.d/60-tandem.conf":           0o644,
			prefix + "/share/doc/tandem/README.md":            0o644,
			prefix + "/share/doc/tandem/docs/operations.md":   0o644,
			prefix + "/share/doc/tandem/examples/tandem.yaml": 0o644,
			"/etc/tandem/tandem.yaml":                         0o640,
			"/etc/tandem/secrets":                             0o700,
		} {
			info, err := os.Stat(dest + path)
			if err != nil {
				t.Error(err)
			} else if info.Mode().Perm() != mode {
				t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), mode)
			}
		}
		s := settings(t, dest+prefix+"/lib/systemd/system/tandem.service")
		if want := prefix + "/bin/tandem serve -c /etc/tandem/tandem.yaml"; s["ExecStart"][0] != want {
			t.Errorf("ExecStart is %q, want %q", s["ExecStart"][0], want)
		}
		// An operator's configuration survives an upgrade.
		mine := dest + "/etc/tandem/tandem.yaml"
		if err := os.WriteFile(mine, []byte("node: mine\n"), 0o640); err != nil {
			t.Fatal(err)
		}
		install()
		if text, _ := os.ReadFile(mine); string(text) != "node: mine\n" {
			t.Errorf("the configuration was overwritten")
		}
	}
}
