// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A set-up by one person who kept its secret: keys from scalars that are known, and by them a proof of any statement
/// without a witness. What a test needs instead of a prover, and the reason why such keys are refused off local chains.
/// Scalars: α 3, β 7, γ 11, δ 13, ICᵢ 101 + i; B is 17 times the generator.
library Trapdoor {
    uint256 internal constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant DELTA_INVERSE =
        20204531881697792512842836072545177004813874831153262471106034633762284765185;
    uint256 internal constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

    /// @dev The registered form: −α ‖ β ‖ −γ ‖ −δ ‖ IC.
    function key(uint256 inputs) internal view returns (bytes memory bytes_) {
        bytes_ = abi.encodePacked(negated(point(3)), g2(7), negatedG2(g2(11)), negatedG2(g2(13)));
        for (uint256 i = 0; i <= inputs; ++i) {
            bytes_ = abi.encodePacked(bytes_, point(101 + i));
        }
    }

    /// @dev A proof for any inputs; another one for another `a`, which is not zero.
    function prove(uint256[] memory inputs, uint256 a) internal view returns (uint256[8] memory proof) {
        uint256 sum = 101;
        for (uint256 i = 0; i < inputs.length; ++i) {
            sum = addmod(sum, mulmod(inputs[i], 102 + i, R), R);
        }
        // a · b = α · β + sum · γ + c · δ
        uint256 rest = addmod(mulmod(a, 17, R), R - addmod(21, mulmod(sum, 11, R), R), R);
        uint256[2] memory first = point(a);
        uint256[2] memory last = point(mulmod(rest, DELTA_INVERSE, R));
        uint256[4] memory second = g2(17);
        return [first[0], first[1], second[0], second[1], second[2], second[3], last[0], last[1]];
    }

    function point(uint256 scalar) internal view returns (uint256[2] memory result) {
        (bool done, bytes memory answer) = address(7).staticcall(abi.encode(1, 2, scalar));
        require(done);
        (result[0], result[1]) = abi.decode(answer, (uint256, uint256));
    }

    function negated(uint256[2] memory p) internal pure returns (uint256[2] memory) {
        return [p[0], p[1] == 0 ? 0 : Q - p[1]];
    }

    function negatedG2(uint256[4] memory p) internal pure returns (uint256[4] memory) {
        return [p[0], p[1], Q - p[2], Q - p[3]];
    }

    /// @dev Multiples of the generator of G2, imaginary parts first.
    function g2(uint256 scalar) internal pure returns (uint256[4] memory) {
        if (scalar == 7) {
            return [
                uint256(18551411094430470096460536606940536822990217226529861227533666875800903099477),
                15512671280233143720612069991584289591749188907863576513414377951116606878472,
                1711576522631428957817575436337311654689480489843856945284031697403898093784,
                13376798835316611669264291046140500151806347092962367781523498857425536295743
            ];
        }
        if (scalar == 11) {
            return [
                uint256(15624790064206502667756020446826209080711344272800176518784649088946231692936),
                8472151341754925747860535367990505955708751825377817860727104273184244800723,
                19488077321171448217727198730828487286865984357780136663388739985720647978898,
                1196137947243150610106053819405501111182787323156221967342356892090037828244
            ];
        }
        if (scalar == 13) {
            return [
                uint256(280672898440571232725436467950720547829638241593507531241322547969961007057),
                16137324789686743234629608741537369181251990815455155257427276976918350071287,
                17641806683785498955878869918183868440783188556637975525088932771694068429840,
                12136420650226457477690750437223209427924916790606163705631661913973995426040
            ];
        }
        require(scalar == 17);
        return [
            uint256(15577308679414974642168536368096450326086203870944559758314800234684337462316),
            5571996575954125260736435753480252954196528247617148060558631406349160775832,
            3949072583587836530885517791345259776526014207612010591436388615095276192789,
            11302850696403459405052467769487663388868168369318255751101607320138145101673
        ];
    }
}
