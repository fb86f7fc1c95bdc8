// Package metaversetest proves implementations of [metaverse.Store] and helps to test with
// stores.
//
// [Run] is the conformance suite. A test of an implementation is a few lines:
//
//	func TestStore(t *testing.T) {
//		metaversetest.Run(t, func(t *testing.T) metaverse.Store { return open(t, t.TempDir()) }, nil)
//	}
//
// Each failure names the rule that was broken. The suite ends with a model test: random
// sequences of operations go to the store and to [Memory], a store of plain maps, and both
// have to give the same answers and the same results.
//
// [Snapshot] writes down what a store holds in a form that does not depend on the ids it has
// handed out, so that two stores can be compared: one that was interrupted with one that
// was not, or the outcome of delta steps with that of full ones.
package metaversetest
