//! Compressors that have no safe wrapper, for their exact output: the reference zlib with a
//! memory level that is chosen, and zlib-rs with a match finder that is tuned. The one place
//! with foreign calls. Imports nothing of the project.

use std::mem::MaybeUninit;

/// How far a match finder looks, as `deflateTune` takes it (zlib manual).
#[derive(Clone, Copy)]
pub(super) struct Tuning {
    pub(super) good_length: i32,
    pub(super) max_lazy: i32,
    pub(super) nice_length: i32,
    pub(super) max_chain: i32,
}

/// The same interface over two libraries, whose types are not the same.
macro_rules! deflate {
    ($(#[$doc:meta])* $name:ident, $z:ident) => {
        $(#[$doc])*
        pub(super) struct $name(Box<$z::z_stream>);

        impl $name {
            /// A compressor; none where zlib refuses the settings.
            pub(super) fn new(level: u8, mem_level: u8, tuning: Option<Tuning>) -> Option<Self> {
                // Null allocators ask for zlib's own (zlib manual, "deflateInit2"). The stream stays
                // in its box, as zlib keeps its address.
                let mut stream = Box::new(MaybeUninit::<$z::z_stream>::zeroed());
                let size = i32::try_from(size_of::<$z::z_stream>()).ok()?;
                // SAFETY: the pointer is valid for writes of the size that is told; zlib checks the
                // size and its version, and reads only fields for which zero is a value.
                #[expect(unsafe_code, reason = "zlib has no safe interface to the memory level")]
                let status = unsafe {
                    $z::deflateInit2_(
                        stream.as_mut_ptr(),
                        level.into(),
                        $z::Z_DEFLATED,
                        // Raw deflate with the largest window.
                        -15,
                        mem_level.into(),
                        $z::Z_DEFAULT_STRATEGY,
                        $z::zlibVersion(),
                        size,
                    )
                };
                if status != $z::Z_OK {
                    return None;
                }
                // SAFETY: zlib has put its own allocators in the place of the null ones; every other
                // field is a number or a pointer that may be null.
                #[expect(unsafe_code, reason = "zlib has no safe interface to the memory level")]
                let stream = unsafe { stream.assume_init() };
                let mut made = Self(stream);
                if let Some(tuning) = tuning {
                    // SAFETY: the stream was initialised above, and four numbers are set in it.
                    #[expect(unsafe_code, reason = "zlib has no safe interface to its tuning")]
                    let status = unsafe {
                        $z::deflateTune(
                            &raw mut *made.0,
                            tuning.good_length,
                            tuning.max_lazy,
                            tuning.nice_length,
                            tuning.max_chain,
                        )
                    };
                    if status != $z::Z_OK {
                        return None;
                    }
                }
                Some(made)
            }

            /// Compresses from `input` into `output`; how much was taken and given, and whether
            /// the stream is complete. Nothing comes after `input`.
            pub(super) fn step(
                &mut self,
                input: &[u8],
                output: &mut [u8],
            ) -> Option<(usize, usize, bool)> {
                let available = u32::try_from(input.len()).ok()?;
                let room = u32::try_from(output.len()).ok()?;
                self.0.next_in = input.as_ptr().cast_mut();
                self.0.avail_in = available;
                self.0.next_out = output.as_mut_ptr();
                self.0.avail_out = room;
                // SAFETY: both pointers and lengths are those of live slices; zlib reads the first
                // and writes the second within their lengths.
                #[expect(unsafe_code, reason = "zlib has no safe interface to the memory level")]
                let status = unsafe { $z::deflate(&raw mut *self.0, $z::Z_FINISH) };
                let taken = (available - self.0.avail_in) as usize;
                let given = (room - self.0.avail_out) as usize;
                match status {
                    $z::Z_OK | $z::Z_BUF_ERROR => Some((taken, given, false)),
                    $z::Z_STREAM_END => Some((taken, given, true)),
                    _ => None,
                }
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the stream was initialised, and is not used again.
                #[expect(unsafe_code, reason = "zlib has no safe interface to the memory level")]
                let _ = unsafe { $z::deflateEnd(&raw mut *self.0) };
            }
        }
    };
}

deflate!(
    /// A raw deflate stream (RFC 1951) that the reference zlib writes.
    Reference,
    libz_sys
);
deflate!(
    /// A raw deflate stream (RFC 1951) that zlib-rs writes.
    ZlibRs,
    libz_rs_sys
);
