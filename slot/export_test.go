package slot

// Hash is hash, for its test.
var Hash = hash
