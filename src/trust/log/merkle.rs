//! The Merkle tree of RFC 6962, section 2.1, over tiles: hashes and proofs without
//! ever holding more of the tree than a few tiles. Pure: tiles come from whoever has
//! them.

use std::sync::Arc;

use sha2::Digest as _;

use crate::model::Sha256Digest;

/// Hashes to a full tile (C2SP tlog-tiles, "Merkle Tree").
pub const TILE_WIDTH: u64 = 256;
/// Tree levels to a tile level.
const TILE_HEIGHT: u32 = 8;

/// The hash of a leaf (RFC 6962, section 2.1).
pub fn leaf_hash(leaf: &[u8]) -> Sha256Digest {
    let mut hasher = sha2::Sha256::new_with_prefix([0x00]);
    hasher.update(leaf);
    Sha256Digest::from_bytes(hasher.finalize().into())
}

/// The hash of an inner node (RFC 6962, section 2.1).
fn node_hash(left: &Sha256Digest, right: &Sha256Digest) -> Sha256Digest {
    let mut hasher = sha2::Sha256::new_with_prefix([0x01]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    Sha256Digest::from_bytes(hasher.finalize().into())
}

/// The root of an empty tree: the hash of nothing (RFC 6962, section 2.1).
pub fn empty_root() -> Sha256Digest {
    Sha256Digest::of(b"")
}

/// The root over hashes whose number is a power of two.
pub fn complete_root(hashes: &[Sha256Digest]) -> Sha256Digest {
    debug_assert!(hashes.len().is_power_of_two());
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| node_hash(&pair[0], &pair[1]))
            .collect();
    }
    row[0]
}

/// A tile: a row of consecutive hashes.
pub type Tile = Arc<[Sha256Digest]>;

/// Whoever has the tiles. A tile that is shorter than what the tree's size asks for
/// must be an error there, never a short answer.
pub trait Tiles {
    /// Why a tile cannot be had.
    type Error;

    /// The tile at `level` and `index` with at least `width` hashes.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn tile(&self, level: u8, index: u64, width: u64) -> Result<Tile, Self::Error>;
}

/// A tree of a size, over tiles.
pub struct Tree<'a, T> {
    tiles: &'a T,
    size: u64,
}

impl<'a, T: Tiles> Tree<'a, T> {
    /// The tree of the first `size` leaves.
    pub const fn new(tiles: &'a T, size: u64) -> Self {
        Self { tiles, size }
    }

    /// The root.
    ///
    /// # Errors
    /// A tile cannot be had.
    pub fn root(&self) -> Result<Sha256Digest, T::Error> {
        if self.size == 0 {
            return Ok(empty_root());
        }
        self.range(0, self.size)
    }

    /// The audit path of a leaf, from the leaf up (RFC 6962, section 2.1.1).
    /// `index` must be below the size.
    ///
    /// # Errors
    /// A tile cannot be had.
    pub fn inclusion(&self, index: u64) -> Result<Vec<Sha256Digest>, T::Error> {
        let (mut start, mut end) = (0, self.size);
        let mut path = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                path.push(self.range(middle, end)?);
                end = middle;
            } else {
                path.push(self.range(start, middle)?);
                start = middle;
            }
        }
        path.reverse();
        Ok(path)
    }

    /// The proof that the tree of the first `old` leaves is a prefix of this one
    /// (RFC 6962, section 2.1.2). `old` must be above 0 and no greater than the size.
    ///
    /// # Errors
    /// A tile cannot be had.
    pub fn consistency(&self, old: u64) -> Result<Vec<Sha256Digest>, T::Error> {
        let (mut start, mut end, mut whole) = (0, self.size, true);
        let mut path = Vec::new();
        while end != old {
            let middle = start + split(end - start);
            if old <= middle {
                path.push(self.range(middle, end)?);
                end = middle;
            } else {
                path.push(self.range(start, middle)?);
                start = middle;
                whole = false;
            }
        }
        if !whole {
            path.push(self.range(start, end)?);
        }
        path.reverse();
        Ok(path)
    }

    /// The root over leaves `start` to `end`, where `start` is a multiple of the
    /// least power of two that is no less than the length.
    fn range(&self, start: u64, end: u64) -> Result<Sha256Digest, T::Error> {
        let length = end - start;
        if length.is_power_of_two() {
            return self.complete(start, length.trailing_zeros());
        }
        let middle = start + split(length);
        Ok(node_hash(
            &self.range(start, middle)?,
            &self.range(middle, end)?,
        ))
    }

    /// The root over 2^`height` leaves from `start` on, out of one tile.
    fn complete(&self, start: u64, height: u32) -> Result<Sha256Digest, T::Error> {
        let (level, inner) = (height / TILE_HEIGHT, height % TILE_HEIGHT);
        let first = start >> (level * TILE_HEIGHT);
        let (index, offset) = (first / TILE_WIDTH, first % TILE_WIDTH);
        let width = (1u64 << inner) + offset;
        // A height is below 64, so a level is below 8.
        let tile = self.tiles.tile(level as u8, index, width)?;
        Ok(complete_root(&tile[offset as usize..width as usize]))
    }
}

/// The greatest power of two below `length` (RFC 6962, section 2.1). `length` must be
/// above 1.
fn split(length: u64) -> u64 {
    1 << (u64::BITS - 1 - (length - 1).leading_zeros())
}

/// Whether `path` proves that the leaf is number `index` of the tree with this size
/// and root (RFC 9162, section 2.1.3.2).
pub fn proves_inclusion(
    leaf: &Sha256Digest,
    index: u64,
    size: u64,
    path: &[Sha256Digest],
    root: &Sha256Digest,
) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `path` proves that the old tree is a prefix of the new one (RFC 9162,
/// section 2.1.4.2).
pub fn proves_consistency(
    old: (u64, &Sha256Digest),
    new: (u64, &Sha256Digest),
    path: &[Sha256Digest],
) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == empty_root();
    }
    let (mut place, mut last) = (old_size - 1, new_size - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let mut path = path.iter();
    // Where the old tree is complete, its root begins both computations and is not
    // in the proof.
    let first = if old_size.is_power_of_two() {
        Some(old_root)
    } else {
        path.next()
    };
    let Some(first) = first else { return false };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    use super::*;

    /// Every tile of a tree, made the plain way.
    struct Memory(Vec<Vec<Sha256Digest>>);

    impl Memory {
        fn of(size: u64) -> Self {
            let leaves = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let mut levels: Vec<Vec<Sha256Digest>> = vec![leaves];
            while levels[levels.len() - 1].len() >= 256 {
                let below = &levels[levels.len() - 1];
                let above = below.chunks_exact(256).map(complete_root).collect();
                levels.push(above);
            }
            Self(levels)
        }
    }

    impl Tiles for Memory {
        type Error = Infallible;

        fn tile(&self, level: u8, index: u64, width: u64) -> Result<Tile, Infallible> {
            let row = &self.0[usize::from(level)];
            let start = (index * 256) as usize;
            Ok(row[start..start + width as usize].into())
        }
    }

    fn oracle(size: u64) -> MemoryBackedTree<sha2::Sha256, Vec<u8>> {
        let mut tree = MemoryBackedTree::new();
        for n in 0..size {
            tree.push(n.to_be_bytes().to_vec());
        }
        tree
    }

    fn raw(path: &[Sha256Digest]) -> Vec<u8> {
        path.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn roots_and_proofs_are_those_of_another_implementation(
            size in 1u64..1200, a in any::<u64>(), b in any::<u64>(),
        ) {
            let (index, old) = (a % size, 1 + b % size);
            let memory = Memory::of(size);
            let tree = Tree::new(&memory, size);
            let theirs = oracle(size);
            let root = tree.root().expect("has every tile");
            let their_root = theirs.root();
            prop_assert_eq!(root.as_bytes().as_slice(), their_root.as_bytes().as_slice());

            let path = tree.inclusion(index).expect("has every tile");
            prop_assert_eq!(raw(&path), theirs.prove_inclusion(index as usize).as_bytes().to_vec());
            let leaf = leaf_hash(&index.to_be_bytes());
            prop_assert!(proves_inclusion(&leaf, index, size, &path, &root));
            prop_assert!(!proves_inclusion(&leaf, (index + 1) % (size + 1), size, &path, &root));

            let path = tree.consistency(old).expect("has every tile");
            let expected = theirs.prove_consistency((size - old) as usize);
            prop_assert_eq!(raw(&path), expected.as_bytes().to_vec());
            let old_root = Tree::new(&memory, old).root().expect("has every tile");
            prop_assert!(proves_consistency((old, &old_root), (size, &root), &path));
            if old != size {
                prop_assert!(!proves_consistency((old, &root), (size, &root), &path));
                prop_assert!(!proves_consistency((old, &old_root), (size, &old_root), &path));
            }
        }
    }
}
