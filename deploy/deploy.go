// Package deploy holds what tandem is installed with: the systemd unit, the
// user, the kernel's settings and the script behind `make install`. Its tests
// keep them right.
package deploy
