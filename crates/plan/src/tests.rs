//! What is decided, situation by situation.

use expect_test::{Expect, expect};

use crate::testing::*;

mod order;

fn prints(scene: &Scene, expected: Expect) {
    expected.assert_eq(&scene.print());
}
