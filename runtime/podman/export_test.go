package podman

// Sweep is sweep, for its test.
var Sweep = (*Runtime).sweep
