// Verify checks a published tree of Padan's log with golang.org/x/mod/sumdb alone: no code of Padan's is behind it.
//
//	verify VKEY FOLDER PROOFS
//
// It opens the checkpoint, reads every bundle, recomputes every leaf hash and the root from them, reads the tiles as
// authenticated by the checkpoint, and checks the proofs of the file PROOFS (JSON) against it. It prints one line and
// ends with 0; or says what is wrong and ends with 1.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type inclusion struct {
	Leaf  string
	Index int64
	Path  []string
}

type consistency struct {
	Size int64
	Root string
	Path []string
}

type proofs struct {
	Inclusion   []inclusion
	Consistency []consistency
}

// folder reads tiles of a published folder.
type folder struct{ path string }

func (f folder) Height() int { return height }

func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		// Checksum databases have the height in the path, C2SP tlog-tiles has not.
		data, err := f.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1), tile.W*tlog.HashSize)
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

// read reads a file, or the beginning of the full one where a partial one is gone.
func (f folder) read(name string, size int) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(f.path, name))
	if os.IsNotExist(err) && strings.Contains(name, ".p/") {
		data, err = os.ReadFile(filepath.Join(f.path, name[:strings.Index(name, ".p/")]))
		if err == nil && size > 0 && len(data) > size {
			data = data[:size]
		}
	}
	if err == nil && size > 0 && len(data) != size {
		err = fmt.Errorf("%s has %d bytes", name, len(data))
	}
	return data, err
}

func (f folder) leaves(size int64) ([][]byte, error) {
	var leaves [][]byte
	for first := int64(0); first < size; first += 1 << height {
		width := size - first
		if width > 1<<height {
			width = 1 << height
		}
		tile := tlog.Tile{H: height, L: 0, N: first >> height, W: int(width)}
		name := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		data, err := f.read(name, 0)
		if err != nil {
			return nil, err
		}
		for n := int64(0); n < width; n++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s is cut off", name)
			}
			length := 2 + int(binary.BigEndian.Uint16(data))
			leaves = append(leaves, data[2:length])
			data = data[length:]
		}
	}
	return leaves, nil
}

// rebuild computes the root from the leaves alone.
func rebuild(leaves [][]byte) (tlog.Hash, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for n, index := range indexes {
			found[n] = stored[index]
		}
		return found, nil
	})
	for n, leaf := range leaves {
		hashes, err := tlog.StoredHashes(int64(n), leaf, reader)
		if err != nil {
			return tlog.Hash{}, err
		}
		stored = append(stored, hashes...)
	}
	return tlog.TreeHash(int64(len(leaves)), reader)
}

func hashes(texts []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, text := range texts {
		var hash tlog.Hash
		data, err := hex.DecodeString(text)
		if err != nil || copy(hash[:], data) != tlog.HashSize {
			return nil, fmt.Errorf("%q is no hash", text)
		}
		found = append(found, hash)
	}
	return found, nil
}

func same(a, b []tlog.Hash) bool {
	if len(a) != len(b) {
		return false
	}
	for n := range a {
		if a[n] != b[n] {
			return false
		}
	}
	return true
}

func open(vkey string, f folder) (tlog.Tree, error) {
	var tree tlog.Tree
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	data, err := os.ReadFile(filepath.Join(f.path, "checkpoint"))
	if err != nil {
		return tree, err
	}
	signed, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("the checkpoint is of another log")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func verify(vkey string, f folder, given proofs) error {
	tree, err := open(vkey, f)
	if err != nil {
		return err
	}
	leaves, err := f.leaves(tree.N)
	if err != nil {
		return err
	}
	root, err := rebuild(leaves)
	if err != nil || root != tree.Hash {
		return fmt.Errorf("the bundles come to another root (%v)", err)
	}
	reader := tlog.TileHashReader(tree, f)
	for n, leaf := range leaves {
		found, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(n))})
		if err != nil || found[0] != tlog.RecordHash(leaf) {
			return fmt.Errorf("the tile of leaf %d differs from its bundle (%v)", n, err)
		}
	}
	for _, each := range given.Inclusion {
		leaf, err := hex.DecodeString(each.Leaf)
		if err != nil || each.Index >= tree.N || !bytes.Equal(leaf, leaves[each.Index]) {
			return fmt.Errorf("leaf %d is another one (%v)", each.Index, err)
		}
		path, err := hashes(each.Path)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(path, tree.N, tree.Hash, each.Index, tlog.RecordHash(leaf)); err != nil {
			return fmt.Errorf("inclusion of %d: %v", each.Index, err)
		}
		own, err := tlog.ProveRecord(tree.N, each.Index, reader)
		if err != nil || !same(own, path) {
			return fmt.Errorf("inclusion of %d has another proof here (%v)", each.Index, err)
		}
	}
	for _, each := range given.Consistency {
		roots, err := hashes(append([]string{each.Root}, each.Path...))
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(roots[1:], tree.N, tree.Hash, each.Size, roots[0]); err != nil {
			return fmt.Errorf("consistency with %d: %v", each.Size, err)
		}
	}
	fmt.Printf("good: %d leaves, %d inclusion and %d consistency proofs\n", tree.N, len(given.Inclusion), len(given.Consistency))
	return nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: verify VKEY FOLDER PROOFS")
		os.Exit(2)
	}
	var given proofs
	data, err := os.ReadFile(os.Args[3])
	if err == nil {
		err = json.Unmarshal(data, &given)
	}
	if err == nil {
		err = verify(os.Args[1], folder{os.Args[2]}, given)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}
