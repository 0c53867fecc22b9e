package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"tandem/media/speech/piper"
)

// unpack puts all assets into dir. What is there already and whole is left;
// what is not appears at once or not at all, however the process ends: an asset
// is unpacked into a hidden folder beside its place, written to disk, and then
// renamed. Other versions are removed after that: programs that run them have
// their files open.
func unpack(dir string, assets []asset) error {
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		return fmt.Errorf("the engine inside is for linux/amd64, this is %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	for _, a := range assets {
		if err := a.unpack(dir); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	return nil
}

// partial begins the names of folders that are being made.
const partial = ".partial-"

func (a asset) unpack(dir string) error {
	d, err := a.describe()
	if err != nil {
		return err
	}
	folder := a.folder(dir)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	final := filepath.Join(folder, d.Version)
	if !whole(final, d.Version) {
		tmp, err := os.MkdirTemp(folder, partial)
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		if err := a.extract(tmp, d); err != nil {
			return err
		}
		// A version that is there but not whole has to go first.
		if err := os.RemoveAll(final); err != nil {
			return err
		}
		if err := os.Rename(tmp, final); err != nil {
			return err
		}
		if err := syncDir(folder); err != nil {
			return err
		}
	}
	return clean(folder, d.Version)
}

// whole says whether the version at path is complete: every file that its
// manifest lists is there in its size.
func whole(path, version string) bool {
	data, err := os.ReadFile(filepath.Join(path, piper.Manifest))
	if err != nil {
		return false
	}
	var d piper.Description
	if json.Unmarshal(data, &d) != nil || d.Version != version || len(d.Files) == 0 {
		return false
	}
	for name, size := range d.Files {
		if !filepath.IsLocal(name) {
			return false
		}
		info, err := os.Stat(filepath.Join(path, name))
		if err != nil || info.Size() != size {
			return false
		}
	}
	return true
}

// extract unpacks the archive into tmp, writes the manifest and waits until all
// is on disk.
func (a asset) extract(tmp string, d piper.Description) error {
	f, err := a.archive.Open("dist.tzst")
	if err != nil {
		return err
	}
	defer f.Close()
	// One thread and little memory: there is no hurry.
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer z.Close()
	root, err := os.OpenRoot(tmp)
	if err != nil {
		return err
	}
	defer root.Close()
	d.Files = map[string]int64{}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		if err := a.extractFile(root, h, t); err != nil {
			return fmt.Errorf("archive: %s: %w", h.Name, err)
		}
		if h.Typeflag == tar.TypeReg {
			d.Files[filepath.Clean(h.Name)] = h.Size
		}
	}
	data, err := json.MarshalIndent(d, "", "\t")
	if err != nil {
		return err
	}
	if err := root.WriteFile(piper.Manifest, append(data, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	// One sync for some 400 files.
	at, err := os.Open(tmp)
	if err != nil {
		return err
	}
	defer at.Close()
	return unix.Syncfs(int(at.Fd()))
}

// extractFile writes one member. The root keeps all of it inside.
func (a asset) extractFile(root *os.Root, h *tar.Header, r io.Reader) error {
	name := filepath.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
	default:
		return fmt.Errorf("type %q is neither file, folder nor link", h.Typeflag)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if slices.Contains(a.programs, name) {
		mode = 0o755
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// clean removes other versions and what killed processes have left. The caller
// holds the lock.
func clean(folder, keep string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		ours := strings.HasPrefix(e.Name(), partial)
		if !ours && e.Name() != keep {
			_, err := os.Stat(filepath.Join(folder, e.Name(), piper.Manifest))
			ours = err == nil
		}
		if !ours {
			continue // not ours to remove
		}
		if err := os.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// lowPriority makes way for calls on the same machine. That it may be refused
// does no harm.
func lowPriority() {
	runtime.LockOSThread() // priorities are a thread's
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
	// The idle class of the disk: IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT.
	const process, idle = 1, 3 << 13
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, process, 0, idle)
}
