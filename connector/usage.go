package connector

import "time"

// Metered is implemented by connectors to directories that limit how much is asked of them, so
// that operators can see how near the limit they are. Find it with [As].
type Metered interface {
	// Usage tells what has been asked of the directory. It is cheap and asks nothing.
	Usage() Usage
}

// Usage is what a connector has asked of its directory since the connector was made, for all
// sessions together.
type Usage struct {
	// Requests counts what was answered, operations within a batch one by one.
	Requests int64
	// Throttled counts those that were refused because of a limit. They are tried again.
	Throttled int64
	// Waited is the time that requests were held back, to keep to the limit or because the
	// directory said so, added up.
	Waited time.Duration
	// Waiting is how many are held back now.
	Waiting int
	// Share is how much of the limit was used in the last minute, from 0 to 1; it is above 1
	// where the directory says so. 0 where there is no limit.
	Share float64
}
